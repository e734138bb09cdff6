import { DECODE_FAILED, DECODED_TOO_LARGE, HpackDecoder } from "../hpack/decoder.ts";
import type { HeaderField } from "../hpack/field.ts";
import { PiecewiseDecoder } from "../hpack/piecewise-decoder.ts";
import { BlockSummary, HeaderBlock } from "./header-block.ts";
import { HeaderCache } from "./header-cache.ts";
import type { ConnectionLimits } from "./limits.ts";
import { COMPRESSION_ERROR, DEFAULT_HEADER_TABLE_SIZE, ENHANCE_YOUR_CALM } from "./protocol.ts";

const EMPTY = new Uint8Array(0);
const MOST_SHARED = 1024;
/** Longer blocks carry something that changes; comparing them would cost more than it saves. */
const LONGEST_KEPT = 512;
/** So are lists: an octet may stand for a field of four thousand. */
const LARGEST_LIST_KEPT = 8192;
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
  /** Octets of blocks that have been decoded, over all. */
  decodedOctets = 0;
  /** Of the block that goes on: octets so far, and fields. */
  #length = 0;
  #fields: HeaderField[] = [];
  #pieces: PiecewiseDecoder | undefined = undefined;
  readonly #summary = new BlockSummary();
  readonly #limits: ConnectionLimits;
  readonly #decoder: HpackDecoder;
  readonly #cache = new HeaderCache();
  readonly #shared: SharedBlocks;
  /** The change count of the decoder's table, and the block that was found last: usually that is the next one too. */
  #changeCount: number;
  #lastChangeCount = -1;
  #lastBytes: Uint8Array = EMPTY;
  #lastBlock: HeaderBlock | undefined = undefined;
  #continuations = 0;

  constructor(limits: ConnectionLimits, shared: SharedBlocks) {
    this.#limits = limits;
    this.#shared = shared;
    this.#decoder = new HpackDecoder(DEFAULT_HEADER_TABLE_SIZE, limits.maxHeaderListBytes);
    this.#changeCount = this.#decoder.table.changeCount;
  }

  /** Decodes a whole block; undefined when it is malformed and the connection is lost. */
  decode(bytes: Uint8Array, start: number, end: number): HeaderBlock | undefined {
    const changeCount = this.#changeCount;
    const length = end - start;
    const last = this.#lastBytes;
    if (last.length === length && this.#lastChangeCount === changeCount) {
      let i = 0;
      while (i < length && last[i] === bytes[start + i]) i++;
      if (i === length) return this.#lastBlock;
    }
    const known = this.#cache.find(bytes, start, length, changeCount);
    if (known !== undefined) return this.#remember(known.bytes, known.block);
    const fields: HeaderField[] = [];
    const decoder = this.#decoder;
    this.decodedOctets += length;
    const verdict = decoder.decode(bytes, start, end, fields);
    if (verdict === DECODE_FAILED) return undefined;
    const { listBytes } = decoder;
    const summary = this.#summary.clear().add(fields, 0);
    const block = new HeaderBlock(fields, verdict === DECODED_TOO_LARGE, listBytes, summary);
    this.#changeCount = decoder.table.changeCount;
    // A block that changed the table would mean something else the next time.
    if (this.#changeCount !== changeCount || length > LONGEST_KEPT || listBytes > LARGEST_LIST_KEPT)
      return block;
    const shared = this.#shared.intern(bytes, start, end, block);
    this.#cache.add(shared.bytes, changeCount, shared.block);
    return this.#remember(shared.bytes, shared.block);
  }

  #remember(bytes: Uint8Array, block: HeaderBlock): HeaderBlock {
    this.#lastBytes = bytes;
    this.#lastBlock = block;
    this.#lastChangeCount = this.#changeCount;
    return block;
  }

  /** Begins a block whose HEADERS frame is not its last. */
  begin(streamId: number, flags: number, dependency: number): void {
    this.streamId = streamId;
    this.flags = flags;
    this.dependency = dependency;
    this.#length = 0;
    this.#fields = [];
    this.#summary.beginLong();
    this.#pieces ??= new PiecewiseDecoder(
      this.#decoder.table,
      DEFAULT_HEADER_TABLE_SIZE,
      this.#limits.maxHeaderListBytes,
    );
    this.#pieces.begin();
    this.#continuations = -1; // the HEADERS frame's own piece
  }

  /** Decodes a frame's piece; returns what is wrong when the peer goes too far, or with the piece. */
  append(bytes: Uint8Array, start: number, end: number): HeaderProblem | undefined {
    const { maxContinuationFrames, maxHeaderBlockBytes } = this.#limits;
    const length = this.#length + end - start;
    this.#length = length;
    this.#continuations++;
    if (this.#continuations > maxContinuationFrames + length / CONTINUATION_WORTH_IT) return TOO_MANY_FRAMES;
    if (length > maxHeaderBlockBytes) return TOO_LARGE;
    this.decodedOctets += end - start;
    const fields = this.#fields;
    const known = fields.length;
    if (!this.#pieces!.push(bytes, start, end, fields)) return MALFORMED;
    this.#summary.add(fields, known);
    return undefined;
  }

  /** The block of all pieces, none of which follows; undefined when it is malformed and the connection is lost. */
  complete(): HeaderBlock | undefined {
    const pieces = this.#pieces!;
    const fields = this.#fields;
    this.clear();
    this.#changeCount = this.#decoder.table.changeCount;
    const verdict = pieces.end();
    if (verdict === DECODE_FAILED) return undefined;
    return new HeaderBlock(fields, verdict === DECODED_TOO_LARGE, pieces.listBytes, this.#summary);
  }

  /** The block is complete, or nobody wants it any more. */
  clear(): void {
    this.streamId = 0;
    this.#fields = [];
  }
}

/** Why a block that goes on ends the connection. */
export interface HeaderProblem {
  readonly code: number;
  readonly reason: string;
}

const TOO_MANY_FRAMES: HeaderProblem = {
  code: ENHANCE_YOUR_CALM,
  reason: "too many CONTINUATION frames",
};
const TOO_LARGE: HeaderProblem = { code: ENHANCE_YOUR_CALM, reason: "header block too large" };
const MALFORMED: HeaderProblem = { code: COMPRESSION_ERROR, reason: "invalid header block" };
