import type { Members } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import type { ProxiedWatcher } from "./proxied-watcher.ts";
import type { SharedWatch } from "./shared-watch.ts";
import type { WatchedKeys } from "./upstream-watch.ts";
import { WatchedRange } from "./watched-range.ts";

/** What is watched at present, for whomever. */
export class WatchedRanges {
  readonly #members: Members;
  readonly #prefix: Prefix;
  readonly #ranges = new Map<string, WatchedRange>();

  constructor(members: Members, prefix: Prefix) {
    this.#members = members;
    this.#prefix = prefix;
  }

  /** Watchers that have no watch of a member's to themselves, but for one of each. */
  get coalescedWatchers(): number {
    let count = 0;
    for (const { watches } of this.#ranges.values())
      for (const { watchers } of watches) count += Math.max(0, watchers.size - 1);
    return count;
  }

  /** Watches of members that are under way. */
  get watchCount(): number {
    let count = 0;
    for (const { watches } of this.#ranges.values()) count += watches.size;
    return count;
  }

  /** A watch of these keys that gives all from `revision` on (0: what comes next); undefined when there is none. */
  suiting(keys: WatchedKeys, revision: bigint): SharedWatch | undefined {
    return this.#ranges.get(idOf(keys))?.suiting(revision);
  }

  isWatched(keys: WatchedKeys): boolean {
    return this.#ranges.has(idOf(keys));
  }

  /** Lets the watcher have what it lacks, from a watch that is there or a new one. */
  join(watcher: ProxiedWatcher, keys: WatchedKeys): void {
    const id = idOf(keys);
    let range = this.#ranges.get(id);
    if (range === undefined) {
      range = new WatchedRange(
        this.#members,
        keys,
        this.#prefix,
        () => this.#ranges.delete(id),
        (adrift) => this.join(adrift, keys),
      );
      this.#ranges.set(id, range);
    }
    range.join(watcher);
  }
}

/** Keys as the cluster has them. */
function idOf({ identity, prevKv, key, rangeEnd }: WatchedKeys): string {
  return [identity.key, prevKv, Buffer.from(key).toString("hex"), Buffer.from(rangeEnd).toString("hex")].join(
    "/",
  );
}
