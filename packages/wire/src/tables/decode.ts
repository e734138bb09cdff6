import {
  cursor,
  EMPTY,
  readBigInt64,
  readBigUint64,
  readBool,
  readBytes,
  readInt32,
  readString,
  readTag,
  readUint32,
  skipValue,
} from "../hot/reader.ts";
import { WireError } from "../hot/wire-error.ts";
import {
  BOOL,
  BYTES,
  type Field,
  INT32,
  INT64,
  MESSAGE,
  type MessageTable,
  STRING,
  UINT32,
} from "./table.ts";

const VARINT = 0;
const DELIMITED = 2;
/** Messages in messages: far more than any answer has. */
const MAX_DEPTH = 600;

/**
 * The message that `bytes` are. Every field is there: its default when it was not sent, undefined for messages and members of
 * a oneof. Byte fields are views on `bytes`. Unknown fields are dropped. Throws WireError when `bytes` are no such message.
 */
export function decodeMessage<Message>(table: MessageTable<Message>, bytes: Uint8Array): Message {
  return readMessage(table, bytes, undefined, MAX_DEPTH) as Message;
}

function readMessage(
  table: MessageTable<unknown>,
  bytes: Uint8Array,
  before: Record<string, unknown> | undefined,
  depthLeft: number,
): Record<string, unknown> {
  if (depthLeft === 0) throw new WireError("messages nested too deeply", "depth");
  const message = before ?? emptyMessage(table);
  const end = bytes.length;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(bytes, pos, end);
    pos = cursor;
    const field = table.byNumber.get(tag >>> 3);
    const wireType = tag & 7;
    if (field === undefined || !accepts(field, wireType)) {
      pos = skipValue(bytes, pos, end, tag);
    } else if (field.repeated && wireType === DELIMITED && wireTypeOf(field) === VARINT) {
      const packed = readBytes(bytes, pos, end);
      pos = cursor;
      const list = message[field.property] as unknown[];
      for (let at = 0; at < packed.length; at = cursor)
        list.push(readValue(field, packed, at, packed.length));
    } else if (field.kind === MESSAGE) {
      const content = readBytes(bytes, pos, end);
      pos = cursor;
      readInto(message, field, content, depthLeft);
    } else {
      const value = readValue(field, bytes, pos, end);
      pos = cursor;
      if (field.repeated) (message[field.property] as unknown[]).push(value);
      else message[field.property] = value;
    }
  }
  return message;
}

/** A message that occurs more than once is the merge of its occurrences. */
function readInto(
  message: Record<string, unknown>,
  field: Field,
  content: Uint8Array,
  depthLeft: number,
): void {
  const { property, table } = field;
  if (field.repeated) {
    (message[property] as unknown[]).push(readMessage(table!, content, undefined, depthLeft - 1));
    return;
  }
  const before = message[property] as Record<string, unknown> | undefined;
  message[property] = readMessage(table!, content, before, depthLeft - 1);
}

function emptyMessage(table: MessageTable<unknown>): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const field of table.fields) message[field.property] = emptyValue(field);
  return message;
}

function emptyValue({ kind, repeated, oneof }: Field): unknown {
  if (repeated) return [];
  if (oneof || kind === MESSAGE) return undefined;
  switch (kind) {
    case BYTES:
      return EMPTY;
    case STRING:
      return "";
    case BOOL:
      return false;
    case INT32:
    case UINT32:
      return 0;
    default:
      return 0n;
  }
}

function readValue(field: Field, bytes: Uint8Array, pos: number, end: number): unknown {
  switch (field.kind) {
    case BYTES:
      return readBytes(bytes, pos, end);
    case STRING:
      return readString(bytes, pos, end);
    case BOOL:
      return readBool(bytes, pos, end);
    case INT32:
      return readInt32(bytes, pos, end);
    case UINT32:
      return readUint32(bytes, pos, end);
    case INT64:
      return readBigInt64(bytes, pos, end);
    default:
      return readBigUint64(bytes, pos, end);
  }
}

function wireTypeOf({ kind }: Field): number {
  return kind === BYTES || kind === STRING || kind === MESSAGE ? DELIMITED : VARINT;
}

function accepts(field: Field, wireType: number): boolean {
  return wireType === wireTypeOf(field) || (field.repeated && wireType === DELIMITED);
}
