import { DECODE_FAILED, DECODED_TOO_LARGE, HpackDecoder } from "../hpack/decoder.ts";
import type { HeaderField } from "../hpack/field.ts";
import { HeaderBlock } from "./header-block.ts";
import { HeaderCache } from "./header-cache.ts";
import type { ConnectionLimits } from "./limits.ts";
import { DEFAULT_HEADER_TABLE_SIZE } from "./protocol.ts";

const EMPTY = new Uint8Array(0);

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
  #continuations = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    this.#decoder = new HpackDecoder(DEFAULT_HEADER_TABLE_SIZE, limits.maxHeaderListBytes);
  }

  /** Decodes a whole block; undefined when it is malformed and the connection is lost. */
  decode(bytes: Uint8Array, start: number, end: number): HeaderBlock | undefined {
    const decoder = this.#decoder;
    const { generation } = decoder.table;
    const known = this.#cache.find(bytes, start, end - start, generation);
    if (known !== undefined) return known;
    const fields: HeaderField[] = [];
    const verdict = decoder.decode(bytes, start, end, fields);
    if (verdict === DECODE_FAILED) return undefined;
    const block = new HeaderBlock(fields, verdict === DECODED_TOO_LARGE);
    // A block that changed the table would mean something else the next time.
    if (decoder.table.generation === generation) {
      this.#cache.add(bytes, start, end - start, generation, block);
    }
    return block;
  }

  /** Begins a block whose HEADERS frame is not its last; false when it is too large. */
  begin(streamId: number, flags: number, dependency: number): void {
    this.streamId = streamId;
    this.flags = flags;
    this.dependency = dependency;
    this.length = 0;
    this.#continuations = -1; // the HEADERS frame's own piece
  }

  /** Adds a frame's piece; returns what is wrong when the peer goes too far. */
  append(bytes: Uint8Array, start: number, end: number): string | undefined {
    this.#continuations++;
    if (this.#continuations > this.#limits.maxContinuationFrames) return "too many CONTINUATION frames";
    const length = this.length + end - start;
    if (length > this.#limits.maxHeaderBlockBytes) return "header block too large";
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
