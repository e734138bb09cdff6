import {
  type ConfChange,
  type ConfState,
  decodeConfChange,
  type Entry,
  EntryType,
  type LogIndex,
  NONE,
  type Term,
} from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { MembershipChange } from "../cluster/membership.ts";
import type { ConfChangeResult } from "../consensus/consensus.ts";
import type { Proposal } from "../consensus/proposal.ts";
import { RequestError } from "../errors.ts";
import type { OperationTimes } from "../operations/operation-times.ts";
import type { ReplicatedState } from "../operations/state.ts";
import { applyEncoded } from "./entry.ts";

export interface StateMachineOptions {
  readonly state: ReplicatedState;
  /** Tells raft of a configuration that is now in force; one with node ID 0 changes nothing. */
  readonly reconfigure: (change: ConfChange) => ConfState;
  /** Called when the members have changed, after the state has. */
  readonly onMembershipChange: (change: MembershipChange) => void;
  /** Called when a change of the members is in the log and has no effect, as every member decides. */
  readonly onRefusedChange: (index: LogIndex, error: RequestError) => void;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly slowMs: number;
  /** For metrics: told of each operation in turn, with `state.executed`. */
  readonly times?: OperationTimes;
  /** Called when an entry took longer than `slowMs`. */
  readonly onSlowEntry: (entry: Entry, tookMs: number) => void;
}

/**
 * Turns committed entries into changes of the replicated state, each exactly once: what the backend already reflects
 * (after a restart) is skipped, and the consistent index moves with every entry, in the same transaction.
 */
export class StateMachine {
  readonly #options: StateMachineOptions;
  readonly #state: ReplicatedState;
  readonly #clock: Clock;
  #lastConfChangeIndex: LogIndex = 0;
  /** When the entry before was applied, of the same batch: the next one begins then. */
  #endedMs: number | undefined;

  constructor(options: StateMachineOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#clock = options.clock;
  }

  /** Index of the last entry that changed the members since this member started; 0 when there was none. */
  get lastConfChangeIndex(): LogIndex {
    return this.#lastConfChangeIndex;
  }

  /** A promise when the entry takes more than one turn: nothing else may be applied until it has resolved. */
  applyEntry(entry: Entry, proposal: Proposal | undefined): Promise<void> | undefined {
    const { backend } = this.#state;
    if (entry.index <= backend.consistentIndex) {
      // What came of the entry is not known any more. Whoever waits for it waits no longer.
      proposal?.fail(new RequestError("TIMEOUT"));
      return undefined;
    }
    this.#begin(entry);
    const { executed } = this.#state;
    if (executed !== undefined) executed.begin(0);
    const startedMs = this.#endedMs ?? this.#clock.nowMs();
    const before = this.#state.store.currentRevision;
    const ends = proposal === undefined ? this.#applyForNobody(entry) : proposal.apply(this.#state);
    if (ends === undefined) {
      this.#endedMs = this.#applied(entry, proposal, startedMs, before);
      return undefined;
    }
    backend.entryPaused();
    this.#endedMs = undefined;
    return ends.then(() => {
      this.#applied(entry, proposal, startedMs, before);
    });
  }

  /** What has not been applied yet follows what has, without a gap. */
  #begin({ index, term }: { readonly index: LogIndex; readonly term: Term }): void {
    const { backend } = this.#state;
    assert(index === backend.consistentIndex + 1, "entries are applied one after another");
    assert(term >= backend.consistentTerm, "the terms of applied entries never go back");
    backend.setConsistentIndex(index, term);
  }

  /** Other things than entries happen now. */
  batchApplied(): void {
    this.#endedMs = undefined;
  }

  /** `before`: the store's revision before the entry. Returns when it ended. */
  #applied(entry: Entry, proposal: Proposal | undefined, startedMs: number, before: Revision): number {
    const { store, backend } = this.#state;
    assert(backend.consistentIndex === entry.index, "one entry is applied at a time");
    assert(store.currentRevision >= before, "revisions never go back");
    assert(store.currentRevision <= before + 1, "an entry makes one revision at most");
    const nowMs = this.#clock.nowMs();
    const tookMs = nowMs - startedMs;
    this.#count(proposal, tookMs, nowMs);
    if (tookMs > this.#options.slowMs) this.#options.onSlowEntry(entry, tookMs);
    backend.entryApplied();
    return nowMs;
  }

  /** Hot. */
  #count(proposal: Proposal | undefined, tookMs: number, nowMs: number): void {
    const { executed } = this.#state;
    const { slowMs, times } = this.#options;
    if (times === undefined || executed === undefined) return;
    if (tookMs > slowMs) times.slow++;
    const kind = times.kindOf(executed.field);
    if (kind === undefined) return;
    kind.applied.observe(tookMs / 1_000, executed.hasSucceeded);
    if (proposal !== undefined) kind.requests.succeeded.observe((nowMs - proposal.startedMs) / 1_000);
  }

  applyConfChange(entry: Entry): ConfChangeResult {
    this.#endedMs = undefined;
    // Nobody proposes the other kind; whoever did could not be followed.
    assert(
      entry.type === EntryType.EntryConfChange,
      `entry ${entry.index} has a type of configuration change we know`,
    );
    const { backend, membership } = this.#state;
    const change = decodeConfChange(entry.data);
    const id = change.id ?? 0n;
    // The configuration that raft was started with is the one of the backend's members, which reflect this entry.
    if (entry.index <= backend.consistentIndex) return { id, error: undefined };
    this.#begin(entry);
    const error = membership.validate(change);
    if (error !== undefined) {
      this.#options.onRefusedChange(entry.index, error);
      this.#options.reconfigure({ ...change, nodeId: NONE });
    } else {
      this.#lastConfChangeIndex = entry.index;
      const confState = this.#options.reconfigure(change);
      backend.put("meta", Buffer.from("confState"), Buffer.from(confStateJson(confState)));
      const done = membership.applyConfChange(change);
      this.#options.onMembershipChange(done);
    }
    backend.entryApplied();
    return { id, error };
  }

  /** An entry without effect on the state; only the index moves. */
  applyEmpty(entry: { readonly index: LogIndex; readonly term: Term }): void {
    const { backend } = this.#state;
    if (entry.index <= backend.consistentIndex) return;
    this.#begin(entry);
    backend.entryApplied();
  }

  #applyForNobody(entry: Entry): Promise<void> | undefined {
    // A refusal is a result like any other. What is no refusal must stop the member: others may have gone on.
    const refused = (error: unknown): undefined => {
      if (!(error instanceof RequestError)) throw error;
    };
    try {
      return applyEncoded(this.#state, entry.data)?.then(() => {}, refused);
    } catch (error) {
      return refused(error);
    }
  }
}

/** As the table `meta` holds it; IDs are bare numbers, empty lists are left out. */
function confStateJson(state: ConfState): string {
  const parts: string[] = [];
  for (const [name, ids] of [
    ["voters", state.voters],
    ["learners", state.learners],
    ["voters_outgoing", state.votersOutgoing],
    ["learners_next", state.learnersNext],
  ] as const) {
    if (ids.length > 0) parts.push(`"${name}":[${ids.join(",")}]`);
  }
  if (state.autoLeave) parts.push('"auto_leave":true');
  return `{${parts.join(",")}}`;
}
