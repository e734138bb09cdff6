import { Buffer, isUtf8 } from "node:buffer";
import type { KeyValue } from "@quorate/wire/hot";

/** Octets that become text at a time; a multiple of three, which base64 needs. */
const PIECE_BYTES = 24 * 1024;

/**
 * A key with its value as JSON, in pieces: text as text, what is no UTF-8 under the same name with `_base64` behind it. The
 * value is left out with `keysOnly`. 64-bit leases are strings, as the gateway has them.
 */
export function* recordText(
  { key, value, createRevision, modRevision, version, lease }: KeyValue,
  keysOnly = false,
): Generator<string, void, undefined> {
  yield* bytesText("{", "key", key);
  if (!keysOnly) yield* bytesText(",", "value", value);
  const leased = lease === 0n ? "" : `,"lease":"${lease}"`;
  yield `,"create_revision":${createRevision},"mod_revision":${modRevision},"version":${version}${leased}}`;
}

/** A member of an object, with what stands before it. */
export function* bytesText(
  before: string,
  name: string,
  bytes: Uint8Array,
): Generator<string, void, undefined> {
  const octets = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isText = isUtf8(octets);
  yield `${before}"${name}${isText ? "" : "_base64"}":"`;
  for (let start = 0; start < octets.length; ) {
    let end = Math.min(start + PIECE_BYTES, octets.length);
    // A character of several octets is not divided.
    while (isText && end < octets.length && (octets[end]! & 0xc0) === 0x80) end--;
    yield isText
      ? JSON.stringify(octets.toString("utf8", start, end)).slice(1, -1)
      : octets.toString("base64", start, end);
    start = end;
  }
  yield '"';
}
