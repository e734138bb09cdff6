import type { Members } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import type { ProxiedWatcher } from "./proxied-watcher.ts";
import { SharedWatch, type SharedWatchOwner } from "./shared-watch.ts";
import type { WatchedKeys } from "./upstream-watch.ts";

/** All watches of the same keys for the same identity: one of them soon, when all watchers are at the present. */
export class WatchedRange implements SharedWatchOwner {
  readonly keys: WatchedKeys;
  readonly #members: Members;
  readonly #prefix: Prefix;
  readonly #onEmpty: () => void;
  readonly #rejoin: (watcher: ProxiedWatcher) => void;
  readonly #watches = new Set<SharedWatch>();

  /** `onEmpty`: the last watch has ended. `rejoin`: this watcher is to go on, here or elsewhere. */
  constructor(
    members: Members,
    keys: WatchedKeys,
    prefix: Prefix,
    onEmpty: () => void,
    rejoin: (watcher: ProxiedWatcher) => void,
  ) {
    this.keys = keys;
    this.#members = members;
    this.#prefix = prefix;
    this.#onEmpty = onEmpty;
    this.#rejoin = rejoin;
  }

  get watches(): ReadonlySet<SharedWatch> {
    return this.#watches;
  }

  /** A watch that gives all from `revision` on (0: what comes next); undefined when there is none. */
  suiting(revision: bigint): SharedWatch | undefined {
    for (const watch of this.#watches) if (watch.suits(revision)) return watch;
    return undefined;
  }

  /** Lets the watcher have what it lacks, from a watch that is there or a new one. */
  join(watcher: ProxiedWatcher): void {
    const watch = this.suiting(watcher.nextRevision) ?? this.#begin(watcher.nextRevision);
    watch.add(watcher);
  }

  advanced(watch: SharedWatch): void {
    if (!watch.created) return;
    for (const other of this.#watches) {
      if (other !== watch && other.created && other.nextRevision <= watch.nextRevision) {
        watch.moveTo(other);
        return;
      }
    }
  }

  ended(watch: SharedWatch): void {
    this.#watches.delete(watch);
    if (this.#watches.size === 0) this.#onEmpty();
  }

  adrift(watcher: ProxiedWatcher): void {
    this.#rejoin(watcher);
  }

  #begin(revision: bigint): SharedWatch {
    const watch = new SharedWatch(this.#members, this.keys, this.#prefix, revision, this);
    this.#watches.add(watch);
    return watch;
  }
}
