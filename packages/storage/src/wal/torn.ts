/**
 * Tells a torn write from damage. A disk writes sectors wholly or not at all, in any order, and what lies behind the
 * end of a log is zero; so a record that was being written when the power failed has whole sectors of zeros, and its
 * other sectors are right. Only such a record may be cut off: it was never acknowledged. Any other fault may hide
 * acknowledged records, and a log is refused rather than shortened by them.
 */

/** What a disk writes wholly or not at all. */
const SECTOR_BYTES = 512;

/**
 * Whether the record at `bytes[start, end)`, which is known to be wrong, was torn. `start` lies at byte `position` of
 * the file, behind its length field. (etcd also takes a sector with nothing but padding as a sign; it is none.)
 */
export function isTorn(bytes: Uint8Array, start: number, end: number, position: number): boolean {
  if (contradictsItself(bytes, start, end, position, end - start)) return false;
  const shift = position - start;
  let piece = start;
  while (piece < end) {
    const pieceEnd = Math.min(end, piece + SECTOR_BYTES - ((piece + shift) % SECTOR_BYTES));
    if (isZero(bytes, piece, pieceEnd)) return true;
    piece = pieceEnd;
  }
  return false;
}

/**
 * Whether the beginning of a record says another length than its frame. A length field never straddles sectors, so
 * tearing leaves it whole or zero, and the same goes for what follows in its sector; the next sector has the rest of
 * the beginning unless it is zero. If they disagree, one of them was damaged later.
 * `end` is where the record or what is known of it ends; `recordBytes` is the frame's word.
 */
export function contradictsItself(
  bytes: Uint8Array,
  start: number,
  end: number,
  position: number,
  recordBytes: number,
): boolean {
  const nextSector = Math.min(end, start + (-position & (SECTOR_BYTES - 1)));
  const nextIsMissing = isZero(bytes, nextSector, Math.min(end, nextSector + SECTOR_BYTES));
  const limit = nextIsMissing ? nextSector : end;
  let at = start;
  if (at + 3 > limit) return false;
  // Every writer orders the fields so: type, crc, then the data if any.
  if (bytes[at] !== 0x08 || bytes[at + 1]! > 0x7f || bytes[at + 2] !== 0x10) return true;
  at += 3;
  while (at < limit && bytes[at]! > 0x7f) at++;
  at++;
  if (at - start === recordBytes) return false;
  if (at >= limit) return false;
  if (bytes[at++] !== 0x1a) return true;
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    if (at >= limit) return false;
    const byte = bytes[at++]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) return at - start + length !== recordBytes;
    if (scale > 2 ** 49) return true;
  }
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}
