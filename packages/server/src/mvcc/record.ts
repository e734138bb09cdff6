import type { Revision } from "@quorate/storage/seams/backend";
/** The key's place in the record that `recordKey` looked at last. */
export let keyStart = 0;
export let keyEnd = 0;

/**
 * Finds the key in a stored record without decoding the rest: all records we write begin with it. Returns false for a
 * record without a key (an empty one, made by a restore with a revision bump).
 */
function locateKey(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || bytes[start] !== 0x0a) return false;
  let at = start + 1;
  let length = 0;
  let shift = 0;
  for (;;) {
    const byte = bytes[at++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
    shift += 7;
    if (at >= end || shift > 28) return false;
  }
  if (length <= 0 || at + length > end) return false;
  keyStart = at;
  keyEnd = at + length;
  return true;
}

/** The key of a stored record, as a view on it. */
export function recordKey(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
  if (!locateKey(bytes, start, end)) return new Uint8Array(0);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + keyStart, keyEnd - keyStart);
}

/** What `readHeader` found besides the key. */
export let createMain = 0;
export let version = 0;
export let leased = false;

/**
 * Reads the fields of a put's record that the index keeps, without objects for them: there may be millions. False when
 * the record is not in the form in which it is written (canonical field order), and has to be decoded in full.
 */
export function readHeader(bytes: Uint8Array, start: number, end: number): boolean {
  if (!locateKey(bytes, start, end)) return false;
  createMain = 0;
  version = 0;
  leased = false;
  position = keyEnd;
  if (position < end && bytes[position] === 0x10) createMain = readVarint(bytes, position + 1, end);
  if (position < end && bytes[position] === 0x18) readVarint(bytes, position + 1, end);
  if (position < end && bytes[position] === 0x20) version = readVarint(bytes, position + 1, end);
  if (position < end && bytes[position] === 0x2a) {
    const length = readVarint(bytes, position + 1, end);
    position += length;
  }
  if (position < end && bytes[position] === 0x30) {
    leased = true;
    do position++;
    while (position < end && bytes[position]! >= 0x80);
    position += 1;
  }
  return position === end && Number.isSafeInteger(createMain) && Number.isSafeInteger(version);
}

let position = 0;

/** Sets `position` behind the varint. A negative or overlong one gives an unsafe number. */
function readVarint(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let value = 0;
  let scale = 1;
  while (at < end) {
    const byte = bytes[at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 0x80;
  }
  position = at;
  return value;
}

/** 17 bytes, the form in which table `meta` keeps revisions. */
export function encodeRevision(main: Revision, sub: number): Uint8Array {
  const bytes = new Uint8Array(17);
  writeRevision(bytes, 0, main, sub);
  return bytes;
}

/** The main revision of 17 bytes from table `meta`; undefined if they are not one. */
export function decodeRevisionMain(bytes: Uint8Array): Revision | undefined {
  if (bytes.length < 17) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const main = view.getUint32(0) * 2 ** 32 + view.getUint32(4);
  return Number.isSafeInteger(main) ? main : undefined;
}

/** Writes 17 bytes of a record's key in etcd's form. */
export function writeRevision(into: Uint8Array, start: number, main: Revision, sub: number): void {
  const high = Math.floor(main / 2 ** 32);
  into[start] = high >>> 24;
  into[start + 1] = high >>> 16;
  into[start + 2] = high >>> 8;
  into[start + 3] = high;
  into[start + 4] = main >>> 24;
  into[start + 5] = main >>> 16;
  into[start + 6] = main >>> 8;
  into[start + 7] = main;
  into[start + 8] = 0x5f;
  const subHigh = Math.floor(sub / 2 ** 32);
  into[start + 9] = subHigh >>> 24;
  into[start + 10] = subHigh >>> 16;
  into[start + 11] = subHigh >>> 8;
  into[start + 12] = subHigh;
  into[start + 13] = sub >>> 24;
  into[start + 14] = sub >>> 16;
  into[start + 15] = sub >>> 8;
  into[start + 16] = sub;
}
