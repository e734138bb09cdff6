/** The messages of the client port as plain objects, and their codecs: small to load, for programs that call. */
export * from "./gen/messages.ts";
export { decodeMessage } from "./tables/decode.ts";
export { encodeMessage } from "./tables/encode.ts";
export {
  BOOL,
  BYTES,
  type Field,
  type FieldRow,
  INT32,
  INT64,
  type Init,
  MESSAGE,
  MessageTable,
  ONEOF,
  REPEATED,
  STRING,
  UINT32,
  UINT64,
} from "./tables/table.ts";
