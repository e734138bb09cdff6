import { Buffer } from "node:buffer";

/** The octets before each message: the compressed flag and the length. */
export const PREFIX_LENGTH = 5;

/** Memory for a message grows with what arrives, not with what its length claims. */
const FIRST_ALLOCATION = 16_384;

/**
 * Puts a gRPC message together whose octets come in several pieces. The common case, a message that lies whole in one
 * DATA frame, never gets here.
 */
export class MessageReader {
  readonly #prefix = new Uint8Array(PREFIX_LENGTH);
  #prefixLength = 0;
  #body: Uint8Array = new Uint8Array(0);
  #bodyLength = 0;
  #expected = 0;

  /** Nothing of a message is here. */
  get empty(): boolean {
    return this.#prefixLength === 0;
  }

  /** The prefix is complete: {@link flag} and {@link length} are known. */
  get started(): boolean {
    return this.#prefixLength === PREFIX_LENGTH;
  }

  get complete(): boolean {
    return this.started && this.#bodyLength === this.#expected;
  }

  /** The compressed flag, as received. */
  get flag(): number {
    return this.#prefix[0]!;
  }

  /** The length that the prefix claims. */
  get length(): number {
    return this.#expected;
  }

  /** Octets of the body that have not come yet. */
  get missing(): number {
    return this.#expected - this.#bodyLength;
  }

  /** Takes octets of the prefix; returns the new position. */
  readPrefix(bytes: Uint8Array, position: number, end: number): number {
    while (this.#prefixLength < PREFIX_LENGTH && position < end) {
      this.#prefix[this.#prefixLength++] = bytes[position++]!;
    }
    if (this.#prefixLength === PREFIX_LENGTH) this.#expected = readLength(this.#prefix, 0);
    return position;
  }

  /** Takes octets of the body; returns the new position. */
  readBody(bytes: Uint8Array, position: number, end: number): number {
    const count = Math.min(end - position, this.#expected - this.#bodyLength);
    const needed = this.#bodyLength + count;
    if (needed > this.#body.length) {
      const capacity = Math.min(this.#expected, Math.max(needed, this.#body.length * 4, FIRST_ALLOCATION));
      // Not zeroed, since every octet is written before it is seen; no Buffer, whose `slice` would not copy.
      const larger = new Uint8Array(Buffer.allocUnsafeSlow(capacity).buffer);
      larger.set(this.#body.subarray(0, this.#bodyLength));
      this.#body = larger;
    }
    this.#body.set(bytes.subarray(position, position + count), this.#bodyLength);
    this.#bodyLength = needed;
    return position + count;
  }

  /** The complete message; the reader is ready for the next one. */
  take(): Uint8Array {
    const message =
      this.#body.length === this.#expected ? this.#body : this.#body.subarray(0, this.#expected);
    this.clear();
    return message;
  }

  clear(): void {
    this.#prefixLength = 0;
    this.#body = new Uint8Array(0);
    this.#bodyLength = 0;
    this.#expected = 0;
  }
}

/** The message length in the prefix at `at`. */
export function readLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
}
