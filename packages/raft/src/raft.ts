import type { ResolvedConfig } from "./config.ts";
import { RaftLog } from "./log/raft-log.ts";
import { type Logger, LogLevel } from "./logger.ts";
import { ReadOnly } from "./read-only.ts";
import { ProgressTracker } from "./tracker/tracker.ts";
import {
  type HardState,
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

  /** Empty but for the log; `restart` makes a member of it. */
  constructor(config: ResolvedConfig) {
    this.id = config.id;
    this.config = config;
    this.logger = config.logger;
    this.log = new RaftLog(config.storage, config.logger, config.maxCommittedSizePerReady);
    this.tracker = new ProgressTracker(config.maxInflightMsgs, config.maxInflightBytes);
    this.readOnly = new ReadOnly(config.readOnlyOption);
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
