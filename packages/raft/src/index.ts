/** The Raft consensus state machine. README.md is the guide. */
export type { Peer } from "./bootstrap.ts";
export {
  confChangeOf,
  decodeConfChange,
  decodeConfChangeV2,
  encodeConfChange,
  encodeConfChangeV2,
} from "./confchange/codec.ts";
export { type AnyConfChange, asV2, isConfChangeV2 } from "./confchange/conf-change.ts";
export { type Config, ReadOnlyOption } from "./config.ts";
export { isRaftError, RAFT_ERROR_TEXT, RaftError, type RaftErrorCode, RaftInvariantError } from "./errors.ts";
export {
  describeConfChange,
  describeConfState,
  describeEntry,
  describeMessage,
  describeReady,
  type EntryFormatter,
} from "./format/describe.ts";
export { messageTypeName, stateName } from "./format/names.ts";
export { EntryWindow } from "./log/entry-window.ts";
export { limitedSlice } from "./log/limited-slice.ts";
export { MemoryStorage } from "./log/memory-storage.ts";
export type { Storage } from "./log/storage.ts";
export { type Logger, LogLevel, silentLogger } from "./logger.ts";
export {
  isLocalMessage,
  isLocalThread,
  isResponseMessage,
  NO_ENTRIES,
  NO_MESSAGES,
  newMessage,
  writesZero,
  ZeroField,
} from "./message.ts";
export { RawNode } from "./raw-node.ts";
export type { Ready } from "./ready.ts";
export { entriesSize, entrySize, limitSize, NO_LIMIT, varintSize } from "./size.ts";
export { type BasicStatus, type Status, statusToJson } from "./status.ts";
export { withoutVoteRequests } from "./storage-threads.ts";
export { PROGRESS_STATE_NAMES, type Progress, ProgressState } from "./tracker/progress.ts";
export * from "./types.ts";
