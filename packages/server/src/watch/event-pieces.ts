import { Buffer } from "node:buffer";

const FIRST_PIECE_BYTES = 1024;
const LARGEST_PIECE_BYTES = 64 * 1024;
/** The field of events in a `WatchResponse`, length-delimited. */
const EVENTS_TAG = 0x5a;
/** The fields of an event. */
const TYPE_TAG = 0x08;
const DELETE = 1;
const KV_TAG = 0x12;
const PREVIOUS_KV_TAG = 0x1a;

/**
 * The events of one response as the fields they are in it, in pieces of whole fields: so a response of any size is put
 * together a few events at a time, in as many turns as it takes, and never copied as a whole.
 */
export class EventPieces {
  /** Events appended. */
  count = 0;
  /** Of all pieces together. */
  bytes = 0;
  #pieces: Uint8Array[] = [];
  /** The piece that is being filled, up to `#used`. */
  #piece: Uint8Array = NO_BYTES;
  #used = 0;
  #nextPieceBytes = FIRST_PIECE_BYTES;
  /** What there was at the mark. */
  #markedCount = 0;
  #markedBytes = 0;

  /** Copies an encoded `mvccpb.Event`. */
  append(event: Uint8Array): void {
    const at = this.#beginEvent(event.length);
    this.#piece.set(event, at);
  }

  /** Encodes an `mvccpb.Event` where it is to be. `kv` and `previous` are encoded `mvccpb.KeyValue`s. */
  appendEvent(deleted: boolean, kv: Uint8Array, previous: Uint8Array | undefined): void {
    const kvSize = fieldSize(kv.length);
    const previousSize = previous === undefined ? 0 : fieldSize(previous.length);
    let at = this.#beginEvent((deleted ? 2 : 0) + kvSize + previousSize);
    const piece = this.#piece;
    if (deleted) {
      piece[at++] = TYPE_TAG;
      piece[at++] = DELETE;
    }
    at = writeField(piece, at, KV_TAG, kv);
    if (previous !== undefined) writeField(piece, at, PREVIOUS_KV_TAG, previous);
  }

  /** Makes room for an event of `length` bytes; returns where in `#piece` it begins. */
  #beginEvent(length: number): number {
    const size = fieldSize(length);
    if (this.#used + size > this.#piece.length) this.#beginPiece(size);
    const at = writeHead(this.#piece, this.#used, EVENTS_TAG, length);
    this.#used += size;
    this.count += 1;
    this.bytes += size;
    return at;
  }

  /** What is there now stays at `cutToMark`. */
  mark(): void {
    this.#markedCount = this.count;
    this.#markedBytes = this.bytes;
  }

  /** Takes back what was appended since `mark`. */
  cutToMark(): void {
    const kept: Uint8Array[] = [];
    let left = this.#markedBytes;
    for (const piece of this.pieces()) {
      if (left === 0) break;
      kept.push(piece.subarray(0, left));
      left -= Math.min(left, piece.length);
    }
    this.#pieces = kept;
    this.#piece = NO_BYTES;
    this.#used = 0;
    this.count = this.#markedCount;
    this.bytes = this.#markedBytes;
  }

  /** All of it. Shared: not to be changed. */
  pieces(): readonly Uint8Array[] {
    if (this.#used === 0) return this.#pieces;
    return [...this.#pieces, this.#piece.subarray(0, this.#used)];
  }

  #beginPiece(size: number): void {
    if (this.#used > 0) this.#pieces.push(this.#piece.subarray(0, this.#used));
    // Not zeroed, since what is seen of it has been written; no Buffer, whose `slice` would not copy.
    this.#piece = new Uint8Array(Buffer.allocUnsafeSlow(Math.max(size, this.#nextPieceBytes)).buffer);
    this.#used = 0;
    this.#nextPieceBytes = Math.min(this.#nextPieceBytes * 2, LARGEST_PIECE_BYTES);
  }
}

/** Writes tag and length of a field; returns where its content begins. */
function writeHead(piece: Uint8Array, start: number, tag: number, length: number): number {
  let at = start;
  piece[at++] = tag;
  let rest = length;
  while (rest >= 128) {
    piece[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  piece[at++] = rest;
  return at;
}

/** Writes a length-delimited field; returns the position after it. */
function writeField(piece: Uint8Array, start: number, tag: number, content: Uint8Array): number {
  const at = writeHead(piece, start, tag, content.length);
  piece.set(content, at);
  return at + content.length;
}

/** Octets of a length-delimited field with a one-byte tag. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Octets of the field that begins at `at`, which has a one-byte tag and is length-delimited. */
export function sizeOfFieldAt(piece: Uint8Array, at: number): number {
  let length = 0;
  let scale = 1;
  let position = at + 1;
  for (;;) {
    const octet = piece[position++]!;
    length += (octet & 127) * scale;
    if (octet < 128) return position - at + length;
    scale *= 128;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

const NO_BYTES = new Uint8Array(0);
