import type { Needs } from "./access.ts";

/** A lease that is asked for, and whether with its keys. */
interface LeaseQuestion {
  readonly ID: bigint;
  readonly keys: boolean;
}

/** The keys of a watcher, as its request has them: an interval like any other. */
interface WatchedInterval {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/**
 * What the calls need that are answered by the member that is asked, without the log, by their methods. All others name it
 * in their operations; so do ranges, which transactions consist of, too.
 */
export const CALL_NEEDS = {
  /** Of every watcher when it is created, and never again. */
  Watch: ({ key, rangeEnd }: WatchedInterval, needs: Needs): void => needs.read(key, rangeEnd),
  LeaseKeepAlive(id: bigint, needs: Needs): void {
    needs.user();
    needs.writeAttached(id);
  },
  async LeaseTimeToLive({ ID, keys }: LeaseQuestion, needs: Needs): Promise<void> {
    needs.user();
    if (keys) await needs.readAttached(ID);
  },
  async LeaseLeases(needs: Needs): Promise<void> {
    needs.user();
    await needs.readAllAttached();
  },
  MemberList: (needs: Needs): void => needs.user(),
  Status: (needs: Needs): void => needs.user(),
  Hash: (needs: Needs): void => needs.administrator(),
  HashKV: (needs: Needs): void => needs.administrator(),
  Snapshot: (needs: Needs): void => needs.administrator(),
  Defragment: (needs: Needs): void => needs.administrator(),
  MoveLeader: (needs: Needs): void => needs.administrator(),
  /** Whatever of it is asked for, to see whether it could be done, too. */
  Downgrade: (needs: Needs): void => needs.administrator(),
};
