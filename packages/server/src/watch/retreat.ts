import type { Revision } from "@quorate/storage/seams/backend";
import type { CatchUp } from "./catch-up.ts";
import { LOOK } from "./turn-budget.ts";
import type { WatcherIndex } from "./watcher-index.ts";

/** Whose watchers fall behind, and who takes them up. */
interface Retreating {
  readonly index: WatcherIndex;
  readonly catchUp: CatchUp;
}

/**
 * Steps in which every synced watcher of a key from `lowest` to `highest`, or to the end of the key space, falls behind
 * that has not been handed the revision `upTo`: it reads history from `from` on, or from where it is. Each step tells
 * what it has cost, in messages. Watchers may come, go and catch up between two steps.
 */
export function* retreat(
  { index, catchUp }: Retreating,
  lowest: Uint8Array,
  highest: Uint8Array | undefined,
  from: Revision,
  upTo: Revision,
): Generator<number> {
  for (const range of index.overlapping(lowest, highest)) {
    yield LOOK;
    if (range === undefined) continue;
    const { watchers } = range;
    for (let left = range.syncedCount; left > 0; ) {
      left = Math.min(left, range.syncedCount) - 1;
      const watcher = watchers[left];
      if (watcher === undefined || left < 0) break;
      if (watcher.next > upTo) {
        yield LOOK;
        continue;
      }
      watcher.next = Math.max(watcher.next, from);
      watcher.stream.fallBehind(watcher);
      catchUp.schedule(watcher.stream);
      yield 1;
    }
  }
}
