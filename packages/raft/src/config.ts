import { RaftError } from "./errors.ts";
import type { Storage } from "./log/storage.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { isLocalThread } from "./message.ts";
import { NO_LIMIT } from "./size.ts";
import { type LogIndex, NONE, type NodeId, type Random } from "./types.ts";

export const ReadOnlyOption = {
  /** A read is confirmed by a round of heartbeats: safe whatever the clocks do. */
  ReadOnlySafe: 0,
  /** A read is answered on the leader's word: needs CheckQuorum and bounded clock drift. */
  ReadOnlyLeaseBased: 1,
} as const;
export type ReadOnlyOption = (typeof ReadOnlyOption)[keyof typeof ReadOnlyOption];

export interface Config {
  /** This member's id; neither 0 nor one of the two thread ids. */
  readonly id: NodeId;
  /** Ticks without a leader's message until an election starts; the real timeout is drawn from [n, 2n). */
  readonly electionTick: number;
  /** Ticks between heartbeats of a leader; less than `electionTick`. */
  readonly heartbeatTick: number;
  /** The durable log, read by the node; written by whoever handles Readys. */
  readonly storage: Storage;
  readonly random: Random;
  readonly logger?: Logger;
  /** Last index the application has applied before a restart; 0: emit all committed entries after the snapshot. */
  readonly applied?: LogIndex;
  /** Storage is written by threads that answer with messages, instead of by the caller between ready and advance. */
  readonly asyncStorageWrites?: boolean;
  /** Bytes of encoded entries in one MsgApp; at least one entry always goes. 0 means one entry a message. */
  readonly maxSizePerMsg: number;
  /** Bytes of encoded committed entries handed out and not yet applied. 0 or absent: `maxSizePerMsg`. */
  readonly maxCommittedSizePerReady?: number;
  /** Bytes of payload in the uncommitted tail of a leader before it refuses proposals. 0 or absent: no limit. */
  readonly maxUncommittedEntriesSize?: number;
  /** MsgApps on the way to one follower; more than 0. */
  readonly maxInflightMsgs: number;
  /** Bytes of payload on the way to one follower, at least `maxSizePerMsg`. 0 or absent: no limit. */
  readonly maxInflightBytes?: number;
  /** A leader steps down when it has not heard from a quorum for an election timeout. */
  readonly checkQuorum?: boolean;
  /** Ask before disturbing: campaign only after a quorum said it would vote. */
  readonly preVote?: boolean;
  readonly readOnlyOption?: ReadOnlyOption;
  /** Followers drop proposals instead of forwarding them to the leader. */
  readonly disableProposalForwarding?: boolean;
  /** Do not check conf changes when they are proposed. For tests; an invalid change panics when it is applied. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that was removed or demoted becomes a follower. */
  readonly stepDownOnRemoval?: boolean;
}

/** A Config after validation, with every default filled in. */
export type ResolvedConfig = Required<Config>;

/** Throws INVALID_CONFIG with etcd's text for the first rule that is broken. */
export function resolveConfig(config: Config): ResolvedConfig {
  const invalid = (text: string) => new RaftError("INVALID_CONFIG", text);
  const maxInflightBytes = config.maxInflightBytes || NO_LIMIT;
  const readOnlyOption = config.readOnlyOption ?? ReadOnlyOption.ReadOnlySafe;
  const checkQuorum = config.checkQuorum ?? false;
  if (config.id === NONE) throw invalid("cannot use none as id");
  if (isLocalThread(config.id)) throw invalid("cannot use local target as id");
  if (config.heartbeatTick <= 0) throw invalid("heartbeat tick must be greater than 0");
  if (config.electionTick <= config.heartbeatTick) {
    throw invalid("election tick must be greater than heartbeat tick");
  }
  if (config.storage === undefined || config.storage === null) throw invalid("storage cannot be nil");
  if (config.maxInflightMsgs <= 0) throw invalid("max inflight messages must be greater than 0");
  if (maxInflightBytes < config.maxSizePerMsg) {
    throw invalid("max inflight bytes must be >= max message size");
  }
  if (readOnlyOption === ReadOnlyOption.ReadOnlyLeaseBased && !checkQuorum) {
    throw invalid("CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased");
  }
  return Object.freeze({
    id: config.id,
    electionTick: config.electionTick,
    heartbeatTick: config.heartbeatTick,
    storage: config.storage,
    random: config.random,
    logger: config.logger ?? silentLogger,
    applied: config.applied ?? 0,
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    maxSizePerMsg: config.maxSizePerMsg,
    maxCommittedSizePerReady: config.maxCommittedSizePerReady || config.maxSizePerMsg || 1,
    maxUncommittedEntriesSize: config.maxUncommittedEntriesSize || NO_LIMIT,
    maxInflightMsgs: config.maxInflightMsgs,
    maxInflightBytes,
    checkQuorum,
    preVote: config.preVote ?? false,
    readOnlyOption,
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
  });
}
