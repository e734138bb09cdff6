import { assert, panic } from "./assert.ts";
import { confStatesEqual, restoreConfig } from "./confchange/restore.ts";
import type { ResolvedConfig } from "./config.ts";
import { hex } from "./format/hex.ts";
import { RaftLog } from "./log/raft-log.ts";
import { type Logger, LogLevel } from "./logger.ts";
import { switchToConfig } from "./membership.ts";
import { ReadOnly } from "./read-only.ts";
import { becomeFollower } from "./roles/transitions.ts";
import { ProgressTracker } from "./tracker/tracker.ts";
import {
  type HardState,
  isEmptyHardState,
  type Message,
  NONE,
  type NodeId,
  type ReadState,
  type SoftState,
  StateType,
} from "./types.ts";

/**
 * The state of one member of one group. The rules that change it are functions in the files around: step.ts is where
 * messages come in, send.ts where they go out, roles/ what each role does with them.
 */
export class Raft {
  readonly id: NodeId;
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly log: RaftLog;
  readonly tracker: ProgressTracker;
  readonly readOnly: ReadOnly;

  term = 0;
  /** Who got this member's vote in `term`. */
  vote: NodeId = NONE;
  /** Who leads in `term`, as far as this member knows. */
  lead: NodeId = NONE;
  state: StateType = StateType.StateFollower;
  /** True when this member is a learner in its own view of the configuration. */
  isLearner = false;

  /** Ticks since the election timer was reset; on a leader, since the last check of its quorum. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Drawn anew whenever term or role change, so that elections do not collide for ever. */
  randomizedElectionTimeout = 0;

  /** Leader: who is to take over. Proposals wait for the end of a transfer. */
  leadTransferee: NodeId = NONE;
  /** Leader: no conf change may be proposed until this index is applied. */
  pendingConfIndex = 0;
  /** Leader: bytes of payload proposed and not yet applied here. */
  uncommittedSize = 0;
  /** Leader: reads that came before the first commit of its term. */
  pendingReadIndexMessages: Message[] = [];

  /** For the next Ready: may be sent at once. */
  messages: Message[] = [];
  /** For the next Ready: promises that hold only once everything unstable by now is durable. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];

  constructor(config: ResolvedConfig) {
    const { hardState, confState } = config.storage.initialState();
    this.id = config.id;
    this.config = config;
    this.logger = config.logger;
    this.log = new RaftLog(config.storage, config.logger, config.maxCommittedSizePerReady);
    this.tracker = new ProgressTracker(config.maxInflightMsgs, config.maxInflightBytes);
    this.readOnly = new ReadOnly(config.readOnlyOption);

    const restored = restoreConfig(this.tracker, confState, this.log.lastIndex());
    const actual = switchToConfig(this, restored);
    assert(confStatesEqual(confState, actual), "the stored configuration was not restored as it is");
    if (!isEmptyHardState(hardState)) this.#load(hardState);
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
    becomeFollower(this, this.term, NONE);
    if (this.logs(LogLevel.Info)) {
      const peers = this.tracker.config.voters.ids.map(hex).join(",");
      this.info(
        `newRaft ${hex(this.id)} [peers: [${peers}], term: ${this.term}, commit: ${this.log.committed}, ` +
          `applied: ${this.log.applied}, lastindex: ${this.log.lastIndex()}, lastterm: ${this.log.lastTerm()}]`,
      );
    }
  }

  #load({ term, vote, commit }: HardState): void {
    if (commit < this.log.committed || commit > this.log.lastIndex()) {
      panic(
        this.logger,
        `${hex(this.id)} state.commit ${commit} is out of range [${this.log.committed}, ${this.log.lastIndex()}]`,
      );
    }
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  /** True when this member may campaign: it is a voter as far as it knows, and its log is not about to be replaced. */
  promotable(): boolean {
    const progress = this.tracker.get(this.id);
    return progress !== undefined && !progress.isLearner && !this.log.hasNextOrInProgressSnapshot();
  }

  /** Ask before formatting a line. */
  logs(level: LogLevel): boolean {
    return this.logger.enabled(level);
  }

  debug(text: string): void {
    this.logger.log(LogLevel.Debug, text);
  }

  info(text: string): void {
    this.logger.log(LogLevel.Info, text);
  }

  warn(text: string): void {
    this.logger.log(LogLevel.Warn, text);
  }

  error(text: string): void {
    this.logger.log(LogLevel.Error, text);
  }
}
