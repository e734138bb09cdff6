import { DECODE_FAILED, DECODED_TOO_LARGE, HpackDecoder } from "../hpack/decoder.ts";
import type { HeaderField } from "../hpack/field.ts";
import { HeaderBlock } from "./header-block.ts";
import { HeaderCache } from "./header-cache.ts";
import type { ConnectionLimits } from "./limits.ts";
import { DEFAULT_HEADER_TABLE_SIZE } from "./protocol.ts";

const EMPTY = new Uint8Array(0);
const MOST_SHARED = 1024;
/** Longer blocks carry something that changes; comparing them would cost more than it saves. */
const LONGEST_KEPT = 512;
/** A CONTINUATION frame that carries less is one that moves nothing forward. */
const CONTINUATION_WORTH_IT = 256;

/**
 * Blocks that the connections of a server have in common. A thousand clients of the same kind send the same octets with
 * the same meaning; sharing what was made of them saves memory, and above all cache misses.
 */
export class SharedBlocks {
  readonly #known = new Map<string, { readonly bytes: Uint8Array; readonly block: HeaderBlock }>();

  /** The one copy of `block` and of the octets `bytes[start, end)` that it was decoded from. */
  intern(bytes: Uint8Array, start: number, end: number, block: HeaderBlock) {
    let key = "";
    for (let i = start; i < end; i++) key += String.fromCharCode(bytes[i]!);
    for (const { name, value } of block.fields) key += `\n${name}\r${value}`;
    let shared = this.#known.get(key);
    if (shared === undefined) {
      // A copy whatever `bytes` is: a Buffer's own `slice` would be a view of memory that is read into again.
      shared = { bytes: Uint8Array.prototype.slice.call(bytes, start, end), block };
      if (this.#known.size >= MOST_SHARED) this.#known.clear();
      this.#known.set(key, shared);
    }
    return shared;
  }
}

/** Turns the encoded header blocks of a connection, whole or in pieces, into {@link HeaderBlock}s. */
export class HeaderReader {
  /** The stream whose block goes on in CONTINUATION frames; 0 when none does. */
  streamId = 0;
  /** Flags and dependency of its HEADERS frame. */
  flags = 0;
  dependency = 0;
  /** The pieces so far: `pieces[0, length)`. */
  pieces: Uint8Array = EMPTY;
  length = 0;
  readonly #limits: ConnectionLimits;
  readonly #decoder: HpackDecoder;
  readonly #cache = new HeaderCache();
  readonly #shared: SharedBlocks;
  /** The decoder's generation, and the block that was found last: usually that is the next one too. */
  #generation: number;
  #lastGeneration = -1;
  #lastBytes: Uint8Array = EMPTY;
  #lastBlock: HeaderBlock | undefined = undefined;
  #continuations = 0;

  constructor(limits: ConnectionLimits, shared: SharedBlocks) {
    this.#limits = limits;
    this.#shared = shared;
    this.#decoder = new HpackDecoder(DEFAULT_HEADER_TABLE_SIZE, limits.maxHeaderListBytes);
    this.#generation = this.#decoder.table.generation;
  }

  /** Decodes a whole block; undefined when it is malformed and the connection is lost. */
  decode(bytes: Uint8Array, start: number, end: number): HeaderBlock | undefined {
    const generation = this.#generation;
    const length = end - start;
    const last = this.#lastBytes;
    if (last.length === length && this.#lastGeneration === generation) {
      let i = 0;
      while (i < length && last[i] === bytes[start + i]) i++;
      if (i === length) return this.#lastBlock;
    }
    const known = this.#cache.find(bytes, start, length, generation);
    if (known !== undefined) return this.#remember(known.bytes, known.block);
    const fields: HeaderField[] = [];
    const decoder = this.#decoder;
    const verdict = decoder.decode(bytes, start, end, fields);
    if (verdict === DECODE_FAILED) return undefined;
    const block = new HeaderBlock(fields, verdict === DECODED_TOO_LARGE, decoder.listBytes);
    this.#generation = decoder.table.generation;
    // A block that changed the table would mean something else the next time.
    if (this.#generation !== generation || block.tooLarge || length > LONGEST_KEPT) return block;
    const shared = this.#shared.intern(bytes, start, end, block);
    this.#cache.add(shared.bytes, generation, shared.block);
    return this.#remember(shared.bytes, shared.block);
  }

  #remember(bytes: Uint8Array, block: HeaderBlock): HeaderBlock {
    this.#lastBytes = bytes;
    this.#lastBlock = block;
    this.#lastGeneration = this.#generation;
    return block;
  }

  /** Begins a block whose HEADERS frame is not its last. */
  begin(streamId: number, flags: number, dependency: number): void {
    this.streamId = streamId;
    this.flags = flags;
    this.dependency = dependency;
    this.length = 0;
    this.#continuations = -1; // the HEADERS frame's own piece
  }

  /** Adds a frame's piece; returns what is wrong when the peer goes too far. */
  append(bytes: Uint8Array, start: number, end: number): string | undefined {
    const { maxContinuationFrames, maxHeaderBlockBytes } = this.#limits;
    const length = this.length + end - start;
    this.#continuations++;
    if (this.#continuations > maxContinuationFrames + length / CONTINUATION_WORTH_IT) {
      return "too many CONTINUATION frames";
    }
    if (length > maxHeaderBlockBytes) return "header block too large";
    if (length > this.pieces.length) {
      const larger = new Uint8Array(Math.max(length, this.pieces.length * 2));
      larger.set(this.pieces.subarray(0, this.length));
      this.pieces = larger;
    }
    this.pieces.set(bytes.subarray(start, end), this.length);
    this.length = length;
    return undefined;
  }

  /** The block is complete, or nobody wants it any more. */
  clear(): void {
    this.streamId = 0;
    this.pieces = EMPTY;
  }
}
