import { type HardState, type LogIndex, type Message, MessageType, type Term } from "@quorate/raft";
import type { Report } from "./invariants.ts";
import type { LogTerms } from "./log-terms.ts";

/** What a log on disk says, as far as others rely on it. */
export interface DurableState extends HardState {
  readonly lastIndex: LogIndex;
  /** Of the entry at `lastIndex`. */
  readonly lastTerm: Term;
  /** Entries that were on their way to the disk, in the order of their saves: the beginning of them may be there, too. */
  readonly underWay: readonly SavedEntry[];
}

interface SavedEntry {
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * The log on the disk of one member in one life: what was saved, what of it is durable, and whether it keeps what it
 * promised, to itself and to others.
 */
export class DurableLog {
  readonly #report: Report;
  readonly #name: string;
  readonly #memberId: bigint;
  readonly #terms: LogTerms;
  #saved: HardState;
  #snapshotIndex: LogIndex;
  /** A record of a received snapshot that no commit covers yet, so that a restart would not believe it. */
  #uncovered: { readonly index: LogIndex; readonly term: Term } | undefined;
  #durable: Omit<DurableState, "underWay">;
  /** Saved, and not known to be durable. */
  #underWay: SavedEntry[] = [];

  /** `log` and `state`: what a start has found. */
  constructor(report: Report, name: string, memberId: bigint, log: LogTerms, state: HardState) {
    this.#report = report;
    this.#name = name;
    this.#memberId = memberId;
    this.#terms = log;
    this.#saved = state;
    this.#snapshotIndex = 0;
    this.#durable = this.#current();
  }

  get durable(): DurableState {
    return { ...this.#durable, underWay: this.#underWay };
  }

  /** The last index that a snapshot record names; 0 while there was none in this life. */
  get snapshotIndex(): LogIndex {
    return this.#snapshotIndex;
  }

  /** What a start has found is compared with what was durable before it. */
  startedAfter(before: DurableState): void {
    const found = this.#durable;
    this.#compareStates(before, found, "was durable, a restart finds");
    const { descent } = this.#terms;
    if (descent !== undefined) {
      this.#report(
        "hard-state",
        `${this.#name}: a restart finds entry ${descent} of term ${this.#terms.term(descent)} behind one of a later term`,
      );
    }
    const term = this.#terms.term(before.lastIndex);
    if (term === before.lastTerm || term === "in a snapshot" || before.lastIndex === 0) return;
    // Entries of a later term, which nobody was told of, may have taken its place.
    if (found.lastTerm > before.lastTerm) return;
    // So may the beginning of what a later leader has sent, be it from earlier terms.
    const { lastIndex, lastTerm } = found;
    if (before.underWay.some((entry) => entry.index === lastIndex && entry.term === lastTerm)) return;
    this.#report(
      "hard-state",
      `${this.#name}: entry ${before.lastIndex} of term ${before.lastTerm} was durable, and a restart does not find it: ` +
        `the log ends at ${lastIndex}, term ${lastTerm}`,
    );
  }

  /** The next sync makes these durable. */
  saved(state: HardState | undefined, entries: readonly SavedEntry[]): void {
    const uncovered = this.#uncovered;
    if (uncovered !== undefined && state !== undefined && state.commit >= uncovered.index) {
      this.#terms.replace(uncovered.index, uncovered.term);
      this.#uncovered = undefined;
    }
    this.#terms.append(entries);
    this.#underWay.push(...entries.map(({ index, term }) => ({ index, term })));
    if (state === undefined || state.term === 0) return;
    this.#compareStates(this.#saved, state, "was saved, and now");
    this.#saved = state;
  }

  /** The log names a snapshot; the next sync makes that durable. */
  savedSnapshot(index: LogIndex, term: Term): void {
    if (index < this.#snapshotIndex) {
      this.#report(
        "snapshot-records",
        `${this.#name}: the log names the snapshot at ${index} behind that at ${this.#snapshotIndex}`,
      );
    }
    this.#snapshotIndex = index;
    if (index > this.#terms.lastIndex) this.#uncovered = { index, term };
  }

  /** Returns what to call when everything that was saved before this call is durable. */
  syncing(): () => void {
    const state = this.#current();
    const saved = new Set(this.#underWay);
    return () => {
      this.#durable = state;
      this.#underWay = this.#underWay.filter((entry) => !saved.has(entry));
    };
  }

  /** The member promises somebody else what `message` says. */
  sending(message: Message): void {
    const { type, term, to, index, reject } = message;
    const { durable } = this;
    switch (type) {
      case MessageType.MsgVote:
        if (!this.#hasVoted(term, this.#memberId)) this.#unkept(`asks for votes in term ${term}`);
        this.#checkNamedLog(message);
        return;
      case MessageType.MsgPreVote:
        this.#checkNamedLog(message);
        return;
      case MessageType.MsgVoteResp:
        if (!reject && !this.#hasVoted(term, to)) {
          this.#unkept(`votes for ${to.toString(16)} in term ${term}`);
        }
        return;
      case MessageType.MsgAppResp:
        // One of an earlier term, if it leaves late, is believed by nobody.
        if (reject || term < durable.term) return;
        if (term > durable.term || index > durable.lastIndex) {
          this.#unkept(`acknowledges entries up to ${index} in term ${term}`);
        }
        return;
    }
  }

  /** The commit index `index` was to be durable by now. */
  promisedCommit(index: LogIndex): void {
    if (this.#durable.commit >= index) return;
    this.#report(
      "hard-state",
      `${this.#name} was told that commit index ${index} is durable: ${describe(this.#durable)} is`,
    );
  }

  #hasVoted(term: Term, candidate: bigint): boolean {
    const { durable } = this;
    return durable.term > term || (durable.term === term && durable.vote === candidate);
  }

  /** Others give their votes to a log that ends there. */
  #checkNamedLog({ term, index, logTerm }: Message): void {
    const { durable } = this;
    // One that leaves late, in an earlier term than the member's, elects nobody.
    if (durable.term > term || logTerm < durable.lastTerm) return;
    if (logTerm === durable.lastTerm && index <= durable.lastIndex) return;
    this.#unkept(`asks for votes with a log up to ${index} of term ${logTerm}`);
  }

  #unkept(promise: string): void {
    this.#report(
      "durable-promises",
      `${this.#name} ${promise}, and durable is only ${describe(this.#durable)}`,
    );
  }

  #compareStates(before: HardState, after: HardState, how: string): void {
    const changesVote = after.term === before.term && before.vote !== 0n && after.vote !== before.vote;
    if (after.term >= before.term && after.commit >= before.commit && !changesVote) return;
    this.#report("hard-state", `${this.#name}: ${describe(before)} ${how} ${describe(after)}`);
  }

  #current(): Omit<DurableState, "underWay"> {
    const { term, vote, commit } = this.#saved;
    return { term, vote, commit, lastIndex: this.#terms.lastIndex, lastTerm: this.#terms.lastTerm };
  }
}

function describe(state: HardState & { readonly lastIndex?: LogIndex; readonly lastTerm?: Term }): string {
  const { term, vote, commit, lastIndex, lastTerm } = state;
  const log = lastIndex === undefined ? "" : `, log up to ${lastIndex} of term ${lastTerm}`;
  return `term ${term}, vote ${vote.toString(16)}, commit ${commit}${log}`;
}
