import { type Needs, needsDuty } from "./access.ts";

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
    if (!needs.hasDuty("leases")) needs.writeAttached(id);
  },
  async LeaseTimeToLive({ ID, keys }: LeaseQuestion, needs: Needs): Promise<void> {
    needs.user();
    if (keys && !needs.hasDuty("leases")) await needs.readAttached(ID);
  },
  async LeaseLeases(needs: Needs): Promise<void> {
    needs.user();
    if (!needs.hasDuty("leases")) await needs.readAllAttached();
  },
  MemberList: (needs: Needs): void => needs.user(),
  Status: (needs: Needs): void => needs.user(),
  Hash: (needs: Needs): void => needsDuty("snapshots", needs),
  HashKV: (needs: Needs): void => needsDuty("snapshots", needs),
  Snapshot: (needs: Needs): void => needsDuty("snapshots", needs),
  Defragment: (needs: Needs): void => needsDuty("compaction", needs),
  MoveLeader: (needs: Needs): void => needsDuty("members", needs),
  /** Whatever of it is asked for, to see whether it could be done, too. */
  Downgrade: (needs: Needs): void => needs.administrator(),
};
