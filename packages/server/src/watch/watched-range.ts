import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";

/** What lies in a range's list of watchers. */
interface Placed {
  /** Its position there; -1 when it is in none. */
  slot: number;
}

/** The watchers of exactly one key or range. */
export class WatchedRange<Watcher extends Placed> {
  /** As in requests: see `WatchSource`. Owned. */
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** The hub's recent transactions hold what changed in this range from this revision on, as far as they go back. */
  readonly watchedFrom: Revision;
  /** The synced ones come first; apart from that in no particular but a reproducible order. */
  readonly watchers: Watcher[] = [];
  syncedCount = 0;
  /**
   * So many from the first on have been told by the delivery under way, which may pause: whoever is synced and has not
   * been told stays behind them. 0 outside of a delivery.
   */
  toldCount = 0;
  /** Its place among the ranges of the delivery that found it last. */
  found = -1;

  constructor(key: Uint8Array, rangeEnd: Uint8Array, watchedFrom: Revision) {
    this.key = key;
    this.rangeEnd = rangeEnd;
    this.watchedFrom = watchedFrom;
  }

  /** Takes in a synced watcher. */
  add(watcher: Watcher): void {
    this.#place(watcher, this.watchers.length);
    this.moveToSynced(watcher);
  }

  remove(watcher: Watcher): void {
    if (watcher.slot < this.syncedCount) this.moveToBehind(watcher);
    const last = this.watchers.pop()!;
    if (last !== watcher) this.#place(last, watcher.slot);
    watcher.slot = -1;
  }

  moveToSynced(watcher: Watcher): void {
    assert(watcher.slot >= this.syncedCount, "a watcher becomes synced once");
    this.#exchange(watcher, this.syncedCount);
    this.syncedCount += 1;
  }

  moveToBehind(watcher: Watcher): void {
    assert(watcher.slot >= 0 && watcher.slot < this.syncedCount, "only a synced watcher falls behind");
    if (watcher.slot < this.toldCount) {
      this.toldCount -= 1;
      this.#exchange(watcher, this.toldCount);
    }
    this.syncedCount -= 1;
    this.#exchange(watcher, this.syncedCount);
  }

  #exchange(watcher: Watcher, slot: number): void {
    const other = this.watchers[slot]!;
    if (other === watcher) return;
    this.#place(other, watcher.slot);
    this.#place(watcher, slot);
  }

  #place(watcher: Watcher, slot: number): void {
    this.watchers[slot] = watcher;
    watcher.slot = slot;
  }
}
