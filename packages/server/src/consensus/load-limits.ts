/** What proposals may occupy that raft has not taken yet, or that wait for a leader elsewhere, before more are refused. */
const MAX_WAITING_BYTES = 256 * 2 ** 20;
/** Entries that may be committed and not yet applied before proposals are refused. */
const MAX_UNAPPLIED_ENTRIES = 5_000;
/** Writes that the database may have in memory only, before a leader holds proposals back... */
const PROPOSING_BACKLOG_BYTES = 32 * 2 ** 20;
/** ...and before applying is held up, which is all that a follower can do. */
const APPLYING_BACKLOG_BYTES = 48 * 2 ** 20;
/** Payload of the log in memory, above which a member that cannot apply takes no more entries of its leader. */
const MAX_LOG_BYTES = 256 * 2 ** 20;

export interface LoadGauges {
  /** Bytes of writes that the database has in memory only. */
  readonly backlogBytes: () => number;
  /** Payload of the entries that raft's log has in memory. */
  readonly logBytes: () => number;
}

/**
 * What keeps memory bounded when disks are slow or hang: first proposals wait, then they are refused. The leader's own
 * uncommitted entries, and those on the way to a follower, have limits in raft's configuration.
 */
export class LoadLimits {
  readonly #gauges: LoadGauges;

  constructor(gauges: LoadGauges) {
    this.#gauges = gauges;
  }

  /** A client is told that there are too many requests. */
  refusesProposals(waitingBytes: number, unappliedEntries: number): boolean {
    return waitingBytes > MAX_WAITING_BYTES || unappliedEntries > MAX_UNAPPLIED_ENTRIES;
  }

  get holdsProposals(): boolean {
    return this.#gauges.backlogBytes() > PROPOSING_BACKLOG_BYTES;
  }

  get holdsApplying(): boolean {
    return this.#gauges.backlogBytes() > APPLYING_BACKLOG_BYTES;
  }

  /** Of a member whose applying is held: more entries would only wait in memory. */
  get refusesEntries(): boolean {
    return this.#gauges.logBytes() > MAX_LOG_BYTES;
  }
}
