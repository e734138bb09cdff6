/** Hand-written codecs for what is on the hot paths: plain objects or no objects at all. See README.md. */
export * from "./internal-request.ts";
export * from "./key-value.ts";
export * from "./lease.ts";
export { LeaseInternalReader, type LeaseStatusMessage } from "./lease-status.ts";
export {
  decodeEntry,
  ENTRY_HEAD_BYTES,
  type EntryView,
  encodeEntry,
  entryOf,
  entrySize,
  newEntryView,
  type RaftEntry,
  type RaftEntryType,
  readEntry,
  writeEntry,
  writeEntryHead,
} from "./raft-entry.ts";
export {
  decodeMessage,
  encodeMessage,
  messageSize,
  type RaftMessage,
  type RaftMessageType,
  writeMessage,
} from "./raft-message.ts";
export { MessageReader } from "./raft-message-reader.ts";
export {
  decodeConfState,
  decodeHardState,
  decodeSnapshot,
  encodeConfState,
  encodeHardState,
  encodeSnapshot,
  type RaftConfState,
  type RaftHardState,
  type RaftSnapshot,
} from "./raft-state.ts";
export { EMPTY, hasWireTypes } from "./reader.ts";
export { encodeRangeEnd, freeReleased, RecordsTag, RecordsWriter, releasePart } from "./records-writer.ts";
export {
  type DeleteRangeRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeRangeRequest,
  type PutRequest,
  type RangeRequest,
} from "./requests.ts";
export * from "./responses.ts";
export { keepRequest, releaseMessage } from "./slab.ts";
export * from "./txn.ts";
export * from "./walpb.ts";
export * from "./watch-request.ts";
export { WireError } from "./wire-error.ts";
export { varintSize, writeBigVarint, writeVarint } from "./writer.ts";
