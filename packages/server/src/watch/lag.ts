import type { Revision } from "@quorate/storage/seams/backend";
import { UNSYNCED, type Watcher } from "./watcher.ts";

/** So many of each are told of. */
const TOLD = 10;
/** So many watchers are looked at, of the streams that have been behind for longest. */
const LOOKED_AT = 4_096;

/** What is needed of a stream that has watchers which are behind. */
export interface LaggingStream {
  watchersOfStream(): Iterable<Watcher>;
}

/** By how many revisions those are behind that are furthest, the worst ones first. */
export interface Lags {
  /** Of each stream: of the watcher that is furthest behind. */
  readonly streams: readonly number[];
  readonly watchers: readonly number[];
}

/** `current`: what they are behind. */
export function mostBehind(streams: Iterable<LaggingStream>, current: Revision): Lags {
  const streamLags: number[] = [];
  const watcherLags: number[] = [];
  let left = LOOKED_AT;
  for (const stream of streams) {
    if (left <= 0) break;
    let most = 0;
    for (const { next, state } of stream.watchersOfStream()) {
      if (left-- <= 0) break;
      const revisions = current + 1 - next;
      if (state !== UNSYNCED || revisions <= 0) continue;
      most = Math.max(most, revisions);
      watcherLags.push(revisions);
    }
    if (most > 0) streamLags.push(most);
  }
  return { streams: worst(streamLags), watchers: worst(watcherLags) };
}

function worst(lags: number[]): number[] {
  return lags.sort((a, b) => b - a).slice(0, TOLD);
}
