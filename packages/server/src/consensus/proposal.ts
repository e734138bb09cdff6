import type { Entry } from "@quorate/raft";
import type { ReplicatedState } from "../operations/state.ts";

/**
 * A request on its way through the log, waited for by this member. `apply` runs when its entry is committed here and
 * answers the caller; `fail` ends it in any other way. Exactly one of them is called, once.
 */
export abstract class Proposal {
  /** The entry's payload (an encoded `InternalRaftRequest`); owned by the log once proposed. */
  readonly data: Uint8Array;
  /** Monotonic milliseconds at which it was handed over; set by consensus. */
  startedMs = 0;
  /** The log index it was given, 0 while raft has not accepted it. */
  index = 0;
  term = 0;
  settled = false;
  /**
   * Never carried over to another leader: fails with NOT_PRIMARY_LESSOR unless raft takes it while this member leads. For
   * what a leader decides by itself, which the next one may see otherwise.
   */
  readonly leaderOnly: boolean;

  constructor(data: Uint8Array, leaderOnly = false) {
    this.data = data;
    this.leaderOnly = leaderOnly;
  }

  /** Whether `entry` is this request, byte for byte: only then may `apply` take the place of what the entry says. */
  hasDataOf(entry: Entry): boolean {
    return entry.data === this.data || Buffer.compare(entry.data, this.data) === 0;
  }

  /**
   * Executes the entry's operation on the state and answers. Never fails for what a client did. What takes more than one
   * turn of the loop gives a promise of its end.
   */
  abstract apply(state: ReplicatedState): Promise<void> | undefined;
  abstract fail(error: Error): void;

  /** Which operation it is, by its field in the entry; 0 when it does not say. For metrics. */
  get field(): number {
    return 0;
  }
}
