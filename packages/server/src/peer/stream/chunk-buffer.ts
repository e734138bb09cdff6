import type { Entry } from "@quorate/raft";
import { assert } from "@quorate/storage/assert";

/** `xxxxxxxx\r\n`: a length of eight digits, so that it can be filled in when the content is known. */
const CHUNK_HEAD_BYTES = 10;
const CHUNK_TAIL_BYTES = 2;
/** A larger buffer is not kept for the next time. */
const LARGEST_KEPT_BYTES = 2 ** 20;
const SMALLEST_BYTES = 16 * 2 ** 10;
const CR = 13;
const LF = 10;
const HEX = Buffer.from("0123456789abcdef");

/**
 * Where one call of `send` encodes what goes to all peers: one chunk of HTTP's chunked encoding for each stream, one
 * after another. The memory is used again when every socket has taken its bytes at once, which is the usual case.
 */
export class ChunkBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(SMALLEST_BYTES);
  /** Where the next byte goes; who writes moves it. */
  at = 0;
  /** The entries that were encoded last, for the next peer to which the same ones go. */
  sharedEntries: SharedEntries | undefined;
  #chunkStart = 0;

  /** Begins anew with room for `bytes` bytes of content in `chunks` chunks. */
  begin(bytes: number, chunks: number): void {
    const size = bytes + chunks * (CHUNK_HEAD_BYTES + CHUNK_TAIL_BYTES);
    if (size > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(Math.max(size, SMALLEST_BYTES));
    this.at = 0;
    this.sharedEntries = undefined;
  }

  beginChunk(): void {
    this.#chunkStart = this.at;
    this.at += CHUNK_HEAD_BYTES;
  }

  /** The chunk, a view that is valid until the next `begin` unless `handOver` is called before. */
  endChunk(): Buffer {
    const start = this.#chunkStart;
    const end = this.at + CHUNK_TAIL_BYTES;
    assert(end <= this.bytes.length, "messages take no more room than was reckoned");
    writeChunkHead(this.bytes, start, this.at - start - CHUNK_HEAD_BYTES);
    this.bytes[this.at] = CR;
    this.bytes[this.at + 1] = LF;
    this.at = end;
    return this.bytes.subarray(start, end);
  }

  /** Leaves the memory to sockets that still read it, or lets go of it because it is large. */
  finish(isStillRead: boolean): void {
    this.sharedEntries = undefined;
    if (isStillRead || this.bytes.length > LARGEST_KEPT_BYTES) {
      this.bytes = Buffer.allocUnsafeSlow(0);
    }
  }
}

export interface SharedEntries {
  readonly first: Entry;
  readonly last: Entry;
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

/** A chunk of its own. */
export function chunkOf(content: Uint8Array): Buffer {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_HEAD_BYTES + content.length + CHUNK_TAIL_BYTES);
  writeChunkHead(chunk, 0, content.length);
  chunk.set(content, CHUNK_HEAD_BYTES);
  chunk.write("\r\n", CHUNK_HEAD_BYTES + content.length, "latin1");
  return chunk;
}

/** Ends a body. */
export const LAST_CHUNK: Buffer = Buffer.from("0\r\n\r\n");

function writeChunkHead(out: Buffer, start: number, length: number): void {
  for (let digit = 0; digit < 8; digit++) {
    out[start + digit] = HEX[(length >>> (28 - 4 * digit)) & 15]!;
  }
  out[start + 8] = CR;
  out[start + 9] = LF;
}
