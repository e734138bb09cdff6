import { bytesSize, varintSize, writeBytes, writeVarint } from "./writer.ts";

/** The tag of the field that a response has its records in; the keys of a lease are such, too. */
export const RecordsTag = { rangeKvs: 0x12, deletedKvs: 0x1a, leaseKeys: 0x2a } as const;

/** Parts of a response; those of usual records fill one almost. */
const BLOCK_BYTES = 65_536;
/** Blocks kept for reuse, 16 MiB: new ones cost page faults, and their memory hurries the collector. */
const KEPT_BLOCKS = 256;
/**
 * When there are so many, 32 MiB, a long response goes on in larger ones, which the system's allocator maps singly: small ones lie
 * between what stays, and so all their memory would.
 */
const MOST_BLOCKS = 512;
const LARGE_BLOCK_BYTES = 320 * 1024;
/** Of a response that is long. */
const LONG_PARTS = 4;
/** Room for what comes before the first record. */
const HEAD_ROOM = 64;
/** Of a record's tag and length. */
const PREFIX_ROOM = 1 + 5;

/** Memory that only a `RecordsWriter` makes: what is cut from a pool of somebody else's must not be given back by its parts. */
class Block extends ArrayBuffer {}

/** Of `BLOCK_BYTES` each. */
const freeBlocks: Block[] = [];
/** Larger ones, which are not used again. */
const largeBlocks: Block[] = [];
/** Of `BLOCK_BYTES`, in use or kept. */
let blockCount = 0;
/** Blocks are lost with answers that nobody gives back, such as those that a socket may still read: the collector frees them. */
const lostBlocks = new FinalizationRegistry<undefined>(() => {
  blockCount--;
});

/**
 * Gives back memory of a part that `RecordsWriter` made. Nobody may read the part any more, nor any part on the
 * same memory. Whoever gives it back calls `freeReleased` later on. What is not given back is the collector's.
 */
export function releasePart({ buffer }: Uint8Array): void {
  if (!(buffer instanceof Block)) return;
  if (buffer.byteLength === BLOCK_BYTES) freeBlocks.push(buffer);
  else largeBlocks.push(buffer);
}

/**
 * Frees memory that was given back and is not kept for use, up to about `mostBytes` of it; returns whether there is more. To
 * free a byte costs as much as to copy a few. Left to the collector it would be freed later, in large amounts, and the loop
 * would wait for that.
 */
export function freeReleased(mostBytes: number): boolean {
  for (let bytes = 0; bytes < mostBytes; ) {
    const block = largeBlocks.pop() ?? (freeBlocks.length > KEPT_BLOCKS ? freeBlocks.pop() : undefined);
    if (block === undefined) return false;
    bytes += block.byteLength;
    if (block.byteLength === BLOCK_BYTES) {
      blockCount--;
      lostBlocks.unregister(block);
    }
    block.transfer(0);
  }
  return largeBlocks.length > 0 || freeBlocks.length > KEPT_BLOCKS;
}

/**
 * Writes the response to a range, to a deletion or about a lease record by record, into parts: what a large response would
 * cost in one piece is mostly the memory. Records are written by whoever has them, at the place that `begin` returns.
 */
export class RecordsWriter {
  bytes: Uint8Array = EMPTY_PART;
  view: DataView = NO_VIEW;
  /** Records begun. */
  count = 0;
  readonly #tag: number;
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #partStart = HEAD_ROOM;
  #at = HEAD_ROOM;

  constructor(tag: (typeof RecordsTag)[keyof typeof RecordsTag]) {
    this.#tag = tag;
  }

  /** Bytes of the records so far, with what is around them. */
  get size(): number {
    return this.#partsBytes + this.#at - this.#partStart;
  }

  /** Makes room for a record of `length` bytes; returns where in `bytes` to write it. */
  begin(length: number): number {
    if (this.#at + PREFIX_ROOM + length > this.bytes.length) this.#addBlock(PREFIX_ROOM + length);
    const { bytes } = this;
    bytes[this.#at] = this.#tag;
    const at = writeVarint(bytes, this.#at + 1, length);
    this.#at = at + length;
    this.count++;
    return at;
  }

  /** Gives up everything. */
  clear(): void {
    for (const part of this.#parts) releasePart(part);
    if (this.bytes.length > 0) releasePart(this.bytes);
    this.#forget();
  }

  /**
   * The parts of a `RangeResponse`, one at least; the writer is empty afterwards. Each is to be given to `releasePart` when
   * it has been sent. `header` is the content of the `ResponseHeader`, `count` that of all matching keys.
   */
  finishRange(header: Uint8Array, more: boolean, count: number): Uint8Array[] {
    const tail = rangeEndSize(more, count);
    if (this.#at + tail > this.bytes.length) this.#addBlock(tail);
    this.#at = writeRangeEnd(this.bytes, this.#at, more, count);
    return this.#finish(header, 0);
  }

  /** As `finishRange`, of a response that goes on with other records and what `encodeRangeEnd` returns. */
  finishBeginning(header: Uint8Array): Uint8Array[] {
    if (this.bytes.length === 0) this.#addBlock(0);
    return this.#finish(header, 0);
  }

  /** As `finishRange`, of a `DeleteRangeResponse`. `deleted` counts keys. */
  finishDeleteRange(header: Uint8Array, deleted: number): Uint8Array[] {
    if (this.bytes.length === 0) this.#addBlock(0);
    return this.#finish(header, deleted);
  }

  /** Only the records, for whoever writes what stands before them; no part at all without any. */
  finishRecords(): Uint8Array[] {
    return this.bytes.length === 0 ? [] : this.#takeParts();
  }

  #finish(header: Uint8Array, deleted: number): Uint8Array[] {
    const parts = this.#takeParts();
    parts[0] = withHead(parts[0]!, header, deleted);
    return parts;
  }

  #takeParts(): Uint8Array[] {
    const parts = this.#parts;
    parts.push(this.bytes.subarray(this.#partStart, this.#at));
    this.#forget();
    return parts;
  }

  #forget(): void {
    this.#parts = [];
    this.#partsBytes = 0;
    this.#partStart = HEAD_ROOM;
    this.#at = HEAD_ROOM;
    this.count = 0;
    this.bytes = EMPTY_PART;
    this.view = NO_VIEW;
  }

  #addBlock(bytes: number): void {
    const first = this.bytes.length === 0;
    if (!first) {
      this.#parts.push(this.bytes.subarray(this.#partStart, this.#at));
      this.#partsBytes += this.#at - this.#partStart;
    }
    const start = first ? HEAD_ROOM : 0;
    const buffer =
      start + bytes > BLOCK_BYTES ? new Block(start + bytes) : (freeBlocks.pop() ?? this.#newBlock());
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.#partStart = start;
    this.#at = start;
  }

  #newBlock(): Block {
    if (this.#parts.length >= LONG_PARTS && blockCount >= MOST_BLOCKS) return new Block(LARGE_BLOCK_BYTES);
    blockCount++;
    const block = new Block(BLOCK_BYTES);
    lostBlocks.register(block, undefined, block);
    return block;
  }
}

/** What follows the records of a `RangeResponse`; may be empty. */
export function encodeRangeEnd(more: boolean, count: number): Uint8Array {
  const out = new Uint8Array(rangeEndSize(more, count));
  writeRangeEnd(out, 0, more, count);
  return out;
}

function rangeEndSize(more: boolean, count: number): number {
  return (more ? 2 : 0) + (count !== 0 ? 1 + varintSize(count) : 0);
}

function writeRangeEnd(bytes: Uint8Array, start: number, more: boolean, count: number): number {
  let at = start;
  if (more) {
    bytes[at++] = 0x18;
    bytes[at++] = 1;
  }
  if (count === 0) return at;
  bytes[at] = 0x20;
  return writeVarint(bytes, at + 1, count);
}

const EMPTY_PART = new Uint8Array(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

/** The first part with the header, and after it the number of deleted keys if there is one, in the room before it. */
function withHead(part: Uint8Array, header: Uint8Array, deleted: number): Uint8Array {
  const size = 1 + bytesSize(header) + (deleted === 0 ? 0 : 1 + varintSize(deleted));
  if (size > HEAD_ROOM) throw new RangeError("response header too long");
  const bytes = new Uint8Array(part.buffer, part.byteOffset - size, size + part.length);
  bytes[0] = 0x0a;
  const at = writeBytes(bytes, 1, header);
  if (deleted !== 0) {
    bytes[at] = 0x10;
    writeVarint(bytes, at + 1, deleted);
  }
  return bytes;
}
