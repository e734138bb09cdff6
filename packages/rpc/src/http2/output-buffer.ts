import { Buffer } from "node:buffer";

/*
 * Output is written into chunks of three sizes, taken from shared pools. A connection starts small and moves up when it
 * has more to say in one turn, so a thousand connections with one reply each need 2 MiB and not 64.
 */
const CHUNK_SIZES: readonly number[] = [2048, 16_384, 65_536];
const POOL_LIMITS: readonly number[] = [2048, 128, 64];
const POOLS: Buffer[][] = [[], [], []];
const LARGEST_CLASS = 2;
const NO_CHUNK = Buffer.alloc(0);

function acquireChunk(sizeClass: number): Buffer {
  return POOLS[sizeClass]!.pop() ?? Buffer.allocUnsafeSlow(CHUNK_SIZES[sizeClass]!);
}

/** Gives a chunk back to its pool. The caller must know that nobody reads it any more. */
export function releaseChunk(chunk: Buffer): void {
  const sizeClass = CHUNK_SIZES.indexOf(chunk.length);
  if (sizeClass >= 0 && POOLS[sizeClass]!.length < POOL_LIMITS[sizeClass]!) POOLS[sizeClass]!.push(chunk);
}

/**
 * The bytes that a connection wants to send. Writers call {@link reserve}, then store into `bytes` from `length` on and
 * advance `length` themselves: this is the innermost loop of everything sent.
 */
export class OutputBuffer {
  bytes: Buffer = NO_CHUNK;
  length = 0;
  /** Chunks that are filled, oldest first, each with its length. */
  readonly fullChunks: Buffer[] = [];
  readonly fullLengths: number[] = [];
  /** How many of them; a field, so that looking at it touches no other object. */
  fullCount = 0;
  #fullBytes = 0;

  /** Octets waiting to be taken. */
  get size(): number {
    return this.#fullBytes + this.length;
  }

  /** Makes room for `count` more octets in `bytes`, at most {@link LARGEST_RESERVATION}. */
  reserve(count: number): void {
    if (this.bytes.length - this.length < count) this.#makeRoom(count);
  }

  /** Appends a copy of `source`. */
  append(source: Uint8Array): void {
    let offset = 0;
    while (offset < source.length) {
      const count = Math.min(source.length - offset, 16_384);
      this.reserve(count);
      this.bytes.set(source.subarray(offset, offset + count), this.length);
      this.length += count;
      offset += count;
    }
  }

  /** Forgets everything that was not taken, e.g. because the transport is gone. */
  clear(): void {
    for (const chunk of this.fullChunks) releaseChunk(chunk);
    if (this.bytes.length > 0) releaseChunk(this.bytes);
    this.detach();
  }

  /** Forgets the chunks without releasing them: the caller has taken them over. */
  detach(): void {
    if (this.fullCount > 0) {
      this.fullCount = 0;
      this.fullChunks.length = 0;
      this.fullLengths.length = 0;
      this.#fullBytes = 0;
    }
    this.bytes = NO_CHUNK;
    this.length = 0;
  }

  #makeRoom(count: number): void {
    const needed = this.length + count;
    let sizeClass = 0;
    while (sizeClass < LARGEST_CLASS && CHUNK_SIZES[sizeClass]! < needed) sizeClass++;
    const old = this.bytes;
    if (CHUNK_SIZES[sizeClass]! >= needed) {
      this.bytes = acquireChunk(sizeClass);
      if (this.length > 0) old.copy(this.bytes, 0, 0, this.length);
      if (old.length > 0) releaseChunk(old);
      return;
    }
    this.fullCount++;
    this.fullChunks.push(old);
    this.fullLengths.push(this.length);
    this.#fullBytes += this.length;
    this.bytes = acquireChunk(LARGEST_CLASS);
    this.length = 0;
  }
}
