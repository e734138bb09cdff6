import { assert } from "../assert.ts";
import type { LogIndex, NodeId } from "../types.ts";
import type { Inflights } from "./inflights.ts";

export const ProgressState = {
  /** Where the follower's log ends is not known: one message at a time until it answers. */
  StateProbe: 0,
  /** Messages are pipelined, `next` moves on as they are sent. */
  StateReplicate: 1,
  /** A snapshot is on its way; no entries until it has arrived. */
  StateSnapshot: 2,
} as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

export const PROGRESS_STATE_NAMES = ["StateProbe", "StateReplicate", "StateSnapshot"] as const;

/** What a leader knows of one member's log. Invariant: match < next. */
export class Progress {
  readonly id: NodeId;
  /** Last index known to be in the member's log. */
  match: LogIndex;
  /** First index to send next. */
  next: LogIndex;
  state: ProgressState = ProgressState.StateProbe;
  /** Index of the snapshot on its way; 0 outside StateSnapshot. */
  pendingSnapshot = 0;
  /** Something was heard from the member since the last check of the quorum. */
  recentActive = false;
  /** Probe: the probe is out; Replicate: the inflight window is full. No entries until an answer comes. */
  msgAppFlowPaused = false;
  isLearner: boolean;
  readonly inflights: Inflights;
  /** The highest commit index sent to the member. */
  #sentCommit = 0;

  constructor(id: NodeId, match: LogIndex, next: LogIndex, inflights: Inflights, isLearner: boolean) {
    assert(match < next, "progress match must be below next");
    this.id = id;
    this.match = match;
    this.next = next;
    this.inflights = inflights;
    this.isLearner = isLearner;
  }

  clone(): Progress {
    const copy = new Progress(this.id, this.match, this.next, this.inflights.clone(), this.isLearner);
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.recentActive = this.recentActive;
    copy.msgAppFlowPaused = this.msgAppFlowPaused;
    copy.#sentCommit = this.#sentCommit;
    return copy;
  }

  #resetState(state: ProgressState): void {
    this.msgAppFlowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  becomeProbe(): void {
    // After a snapshot the member has that much, if it arrived; if it did not, the probe will tell.
    const restored = this.state === ProgressState.StateSnapshot ? this.pendingSnapshot : 0;
    this.#resetState(ProgressState.StateProbe);
    this.next = Math.max(this.match, restored) + 1;
    this.#lowerSentCommit();
  }

  becomeReplicate(): void {
    this.#resetState(ProgressState.StateReplicate);
    this.next = this.match + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.#resetState(ProgressState.StateSnapshot);
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
  }

  isPaused(): boolean {
    return this.state === ProgressState.StateSnapshot || this.msgAppFlowPaused;
  }

  /** A MsgApp with `count` entries, `bytes` of payload, is on its way. */
  sentEntries(count: number, bytes: number): void {
    assert(this.state !== ProgressState.StateSnapshot, "sending append in unhandled state StateSnapshot");
    if (this.state === ProgressState.StateReplicate) {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      this.msgAppFlowPaused = this.inflights.full();
    } else if (count > 0) {
      this.msgAppFlowPaused = true;
    }
  }

  /** True when telling the member that `committed` is committed would tell it something it can use. */
  canBumpCommit(committed: LogIndex): boolean {
    return committed > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  sentCommit(committed: LogIndex): void {
    this.#sentCommit = committed;
  }

  #lowerSentCommit(): void {
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
  }

  /** The member has everything up to `index`. False when that is old news. */
  maybeUpdate(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * The member refused entries after `rejected` and suggests `hint` as a place where the logs may match. False when
   * the refusal is out of date: it answers a message sent before what is known by now.
   */
  maybeDecrTo(rejected: LogIndex, hint: LogIndex): boolean {
    if (this.state === ProgressState.StateReplicate) {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.#lowerSentCommit();
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.#lowerSentCommit();
    this.msgAppFlowPaused = false;
    return true;
  }

  toString(): string {
    let text = `${PROGRESS_STATE_NAMES[this.state]} match=${this.match} next=${this.next}`;
    if (this.isLearner) text += " learner";
    if (this.isPaused()) text += " paused";
    if (this.pendingSnapshot > 0) text += ` pendingSnap=${this.pendingSnapshot}`;
    if (!this.recentActive) text += " inactive";
    if (this.inflights.count > 0) {
      text += ` inflight=${this.inflights.count}`;
      if (this.inflights.full()) text += "[full]";
    }
    return text;
  }
}

/** One line a member, ascending; here ids are decimal. */
export function describeProgressMap(progress: Iterable<Progress>): string {
  let text = "";
  for (const each of progress) text += `${each.id}: ${each}\n`;
  return text;
}
