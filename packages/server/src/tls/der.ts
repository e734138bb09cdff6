export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** Walks over the elements of one DER value. What is not as it should be throws `malformed(what)`. */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  /** `what`: a name of the whole, for errors. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  enter(tag: number): DerReader {
    return new DerReader(this.read(tag), this.#what);
  }

  /** The content of the next element, which has this tag. */
  read(tag: number): Buffer {
    if (this.nextTag !== tag) throw malformed(this.#what);
    const first = this.#bytes[this.#at + 1];
    if (first === undefined) throw malformed(this.#what);
    let start = this.#at + 2;
    let length = first;
    if (first >= 0x80) {
      const lengthBytes = first & 0x7f;
      if (lengthBytes === 0 || lengthBytes > 4 || start + lengthBytes > this.#bytes.length) {
        throw malformed(this.#what);
      }
      length = this.#bytes.readUIntBE(start, lengthBytes);
      start += lengthBytes;
    }
    const end = start + length;
    if (end > this.#bytes.length) throw malformed(this.#what);
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }

  skipIf(tag: number): boolean {
    if (this.nextTag !== tag) return false;
    this.read(tag);
    return true;
  }

  skipTime(): boolean {
    return this.skipIf(DerTag.utcTime) || this.skipIf(DerTag.generalizedTime);
  }
}

export function malformed(what: string): Error {
  return new Error(`malformed ${what}`);
}
