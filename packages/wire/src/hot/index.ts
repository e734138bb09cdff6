/** Hand-written codecs for what is on the hot paths: plain objects or no objects at all. See README.md. */
export * from "./internal-request.ts";
export * from "./key-value.ts";
export * from "./lease.ts";
export { LeaseInternalReader, type LeaseStatusMessage } from "./lease-status.ts";
export {
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  ENTRY_HEAD_BYTES,
  type EntryView,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
  entryOf,
  entrySize,
  MessageReader,
  messageSize,
  newEntryView,
  type RaftConfState,
  type RaftEntry,
  type RaftEntryType,
  type RaftHardState,
  type RaftMessage,
  type RaftMessageType,
  type RaftSnapshot,
  readEntry,
  writeEntry,
  writeEntryHead,
  writeMessage,
} from "./raftpb.ts";
export { EMPTY, hasWireTypes } from "./reader.ts";
export { freeReleased, RecordsTag, RecordsWriter, releasePart } from "./records-writer.ts";
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
export * from "./txn.ts";
export * from "./walpb.ts";
export * from "./watch-request.ts";
export { WireError } from "./wire-error.ts";
export { writeBigVarint, writeVarint } from "./writer.ts";
