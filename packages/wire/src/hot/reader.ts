import { WireError } from "./wire-error.ts";

/**
 * Reading protobuf's wire format from a byte range. Each function reads at `pos`, never looks at or beyond `end`, and
 * leaves the position after what it read in `cursor`; the position travels in a variable because a result object for
 * each field would cost more than the reading. What is accepted is what Go's protobuf accepts, since etcd members
 * decode the same bytes: a varint of at most 10 bytes that fits 64 bits, known fields of another wire type skipped as
 * unknown, well-formed groups skipped.
 */
export let cursor = 0;

export const EMPTY: Uint8Array = new Uint8Array(0);

const MAX_FIELD_NUMBER = 2 ** 29 - 1;
/** Go's limit for groups in groups. */
const MAX_GROUP_DEPTH = 10_000;

/** The halves of the varint read last by `readVarint64`, as signed 32-bit integers. */
let low = 0;
let high = 0;

const scratch = new DataView(new ArrayBuffer(8));

function truncated(): WireError {
  return new WireError("unexpected end of message");
}

/** Reads any varint; its low half is in `low`, its high half in `high`. */
function readVarint64(buf: Uint8Array, start: number, end: number): void {
  let pos = start;
  let byte = 0;
  let lo = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (pos >= end) throw truncated();
    byte = buf[pos++]!;
    lo |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      low = lo;
      high = 0;
      cursor = pos;
      return;
    }
  }
  if (pos >= end) throw truncated();
  byte = buf[pos++]!;
  lo |= (byte & 0x0f) << 28;
  let hi = (byte & 0x70) >> 4;
  if (byte >= 0x80) {
    let shift = 3;
    for (;;) {
      if (pos >= end) throw truncated();
      byte = buf[pos++]!;
      // The tenth byte holds bit 63 alone.
      if (shift === 31 && byte > 1) throw new WireError("varint does not fit 64 bits");
      hi |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
    }
  }
  low = lo;
  high = hi;
  cursor = pos;
}

/** A field's tag, as an unsigned 32-bit number: field number times 8 plus wire type. */
export function readTag(buf: Uint8Array, pos: number, end: number): number {
  if (pos < end) {
    const byte = buf[pos]!;
    if (byte < 0x80) {
      if (byte < 8) throw new WireError("field number 0");
      cursor = pos + 1;
      return byte;
    }
  }
  readVarint64(buf, pos, end);
  const tag = low >>> 0;
  if (high !== 0 || tag >>> 3 > MAX_FIELD_NUMBER) throw new WireError("field number too large");
  if (tag < 8) throw new WireError("field number 0");
  return tag;
}

export function readBool(buf: Uint8Array, pos: number, end: number): boolean {
  if (pos < end && buf[pos]! < 0x80) {
    cursor = pos + 1;
    return buf[pos] !== 0;
  }
  readVarint64(buf, pos, end);
  return low !== 0 || high !== 0;
}

/** An enum or int32: the low half of the varint, as every protobuf decoder takes it. */
export function readInt32(buf: Uint8Array, pos: number, end: number): number {
  if (pos < end && buf[pos]! < 0x80) {
    cursor = pos + 1;
    return buf[pos]!;
  }
  readVarint64(buf, pos, end);
  return low;
}

export function readUint32(buf: Uint8Array, pos: number, end: number): number {
  return readInt32(buf, pos, end) >>> 0;
}

/** An int64 from a client: exact up to 2^53 - 1 and saturated there, in both directions. */
export function readInt64Saturating(buf: Uint8Array, pos: number, end: number): number {
  if (pos < end && buf[pos]! < 0x80) {
    cursor = pos + 1;
    return buf[pos]!;
  }
  readVarint64(buf, pos, end);
  const value = high * 0x1_0000_0000 + (low >>> 0);
  if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (value < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return value;
}

/** An int64 from disk or from a peer: beyond 2^53 - 1 it is an error. */
export function readInt64(buf: Uint8Array, pos: number, end: number): number {
  if (pos < end && buf[pos]! < 0x80) {
    cursor = pos + 1;
    return buf[pos]!;
  }
  readVarint64(buf, pos, end);
  const value = high * 0x1_0000_0000 + (low >>> 0);
  if (!Number.isSafeInteger(value)) throw new WireError("int64 beyond 2^53");
  return value;
}

/** A uint64 from disk or from a peer: beyond 2^53 - 1 it is an error. */
export function readUint64(buf: Uint8Array, pos: number, end: number): number {
  if (pos < end && buf[pos]! < 0x80) {
    cursor = pos + 1;
    return buf[pos]!;
  }
  readVarint64(buf, pos, end);
  const value = (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
  if (value > Number.MAX_SAFE_INTEGER) throw new WireError("uint64 beyond 2^53");
  return value;
}

export function readBigInt64(buf: Uint8Array, pos: number, end: number): bigint {
  readVarint64(buf, pos, end);
  if (low === 0 && high === 0) return 0n;
  scratch.setInt32(0, low, true);
  scratch.setInt32(4, high, true);
  return scratch.getBigInt64(0, true);
}

export function readBigUint64(buf: Uint8Array, pos: number, end: number): bigint {
  readVarint64(buf, pos, end);
  if (low === 0 && high === 0) return 0n;
  scratch.setInt32(0, low, true);
  scratch.setInt32(4, high, true);
  return scratch.getBigUint64(0, true);
}

/** The length of a length-delimited field, checked to lie within `end`; `cursor` is where its content starts. */
export function readLength(buf: Uint8Array, pos: number, end: number): number {
  let length: number;
  if (pos < end && buf[pos]! < 0x80) {
    cursor = pos + 1;
    length = buf[pos]!;
  } else {
    readVarint64(buf, pos, end);
    length = (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
  }
  if (length > end - cursor) throw truncated();
  return length;
}

/** A bytes field: a view on `buf`, borrowed for as long as the caller may use `buf`. */
export function readBytes(buf: Uint8Array, pos: number, end: number): Uint8Array {
  const length = readLength(buf, pos, end);
  if (length === 0) return EMPTY;
  const start = cursor;
  cursor = start + length;
  // Half the cost of subarray(), which looks up the species constructor.
  return new Uint8Array(buf.buffer, buf.byteOffset + start, length);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A string field. Bytes that are not UTF-8 are an error, as for every proto3 decoder of etcd's. */
export function readString(buf: Uint8Array, pos: number, end: number): string {
  const bytes = readBytes(buf, pos, end);
  if (bytes.length === 0) return "";
  try {
    return utf8.decode(bytes);
  } catch {
    throw new WireError("string is not valid UTF-8", "text");
  }
}

/** Skips the value of a field that is unknown or of an unexpected wire type; returns the position after it. */
export function skipValue(buf: Uint8Array, pos: number, end: number, tag: number): number {
  switch (tag & 7) {
    case 0:
      readVarint64(buf, pos, end);
      return cursor;
    case 1:
      if (end - pos < 8) throw truncated();
      return pos + 8;
    case 2: {
      const length = readLength(buf, pos, end);
      return cursor + length;
    }
    case 3:
      return skipGroup(buf, pos, end, tag >>> 3);
    case 5:
      if (end - pos < 4) throw truncated();
      return pos + 4;
    case 4:
      throw new WireError("end of a group that was not begun");
    default:
      throw new WireError("unknown wire type");
  }
}

function skipGroup(buf: Uint8Array, start: number, end: number, fieldNumber: number): number {
  const open = [fieldNumber];
  let pos = start;
  while (open.length > 0) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if ((tag & 7) === 3) {
      if (open.length >= MAX_GROUP_DEPTH) throw new WireError("groups nested too deeply", "depth");
      open.push(tag >>> 3);
    } else if ((tag & 7) === 4) {
      if (open.pop() !== tag >>> 3) throw new WireError("end of a group that was not begun");
    } else {
      pos = skipValue(buf, pos, end, tag);
    }
  }
  return pos;
}

/**
 * Whether each of the fields 1, 2, ... that occurs has the wire type that `wireTypes` gives for it. Decoders skip what has not,
 * as protobuf wants; who must tell one kind of message from another asks this first. Throws WireError for what is no
 * message.
 */
export function hasWireTypes(
  buf: Uint8Array,
  start: number,
  end: number,
  wireTypes: readonly number[],
): boolean {
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    const expected = wireTypes[(tag >>> 3) - 1];
    if (expected !== undefined && expected !== (tag & 7)) return false;
    pos = skipValue(buf, cursor, end, tag);
  }
  return true;
}

/**
 * A singular message field may occur more than once and is then the merge of its occurrences, which is what their
 * concatenation decodes to. Nobody sends that, so occurrences are kept as they are until the enclosing message has been
 * read (one concatenation, however many there are).
 */
export type Occurrences = Uint8Array | Uint8Array[];

export function addOccurrence(before: Occurrences | undefined, next: Uint8Array): Occurrences {
  if (before === undefined) return next;
  if (Array.isArray(before)) {
    before.push(next);
    return before;
  }
  return [before, next];
}

/** The bytes of the merged message. A single occurrence stays a view. Throws WireError. */
export function joinOccurrences(occurrences: Occurrences): Uint8Array {
  if (!Array.isArray(occurrences)) return occurrences;
  // Each has to be whole by itself: a field cut off at the end of one must not go on in the next.
  for (const each of occurrences) {
    for (let pos = 0; pos < each.length; ) {
      const tag = readTag(each, pos, each.length);
      pos = skipValue(each, cursor, each.length, tag);
    }
  }
  return concatBytes(occurrences);
}

/** Owned bytes, of the plain type that everything here returns (Buffer.concat's is another). */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = Buffer.concat(parts);
  return new Uint8Array(all.buffer, all.byteOffset, all.length);
}
