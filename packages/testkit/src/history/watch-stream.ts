/** One watcher's view over all its streams: what watch promises, checked event by event. */
import type { WatchResponse } from "../grpc/messages.ts";
import type { EventHistory } from "./event-history.ts";

export class WatchStream {
  readonly name: string;
  readonly #history: EventHistory;
  /** The last revision delivered; the watcher resumes behind it. */
  revision: number;
  /** No event up to here may come any more. */
  #progress = 0;

  /** Watches every key from `afterRevision` + 1 on, which may be at most one behind the history's end. */
  constructor(name: string, history: EventHistory, afterRevision: number) {
    this.name = name;
    this.#history = history;
    this.revision = afterRevision;
  }

  /** Returns what is wrong with a response, if anything. */
  receive(response: WatchResponse, nowMs: number): string | undefined {
    const { events } = response;
    if (events.length === 0) {
      if (response.created || response.canceled || response.compact_revision !== 0) return undefined;
      return this.#receiveProgress(response.header?.revision ?? 0);
    }
    for (let from = 0; from < events.length; ) {
      const revision = events[from]!.kv!.mod_revision;
      let to = from + 1;
      while (to < events.length && events[to]!.kv!.mod_revision === revision) to++;
      if (revision <= this.revision) {
        return `${this.name} was told of revision ${revision} after ${this.revision}: a duplicate or out of order`;
      }
      if (revision !== this.revision + 1) {
        return `${this.name} was told of revision ${revision} after ${this.revision}: a gap`;
      }
      if (revision <= this.#progress) {
        return `${this.name} was told of revision ${revision} after progress ${this.#progress}`;
      }
      this.revision = revision;
      const problem = this.#history.see(revision, events.slice(from, to), nowMs);
      if (problem !== undefined) return `${this.name}: ${problem}`;
      from = to;
    }
    return undefined;
  }

  #receiveProgress(revision: number): string | undefined {
    if (revision < this.#progress || revision < this.revision) {
      return `${this.name} was told of progress ${revision} after revision ${this.revision} and progress ${this.#progress}`;
    }
    if (revision > this.revision) {
      // It watches every key, so every revision brings an event: progress beyond the events has skipped some.
      return `${this.name} was told of progress ${revision}, but its events end at ${this.revision}`;
    }
    this.#progress = revision;
    return undefined;
  }
}
