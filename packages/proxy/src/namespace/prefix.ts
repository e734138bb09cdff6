/** Keys of the proxy's clients are those of the cluster that begin with a prefix, without it. An empty prefix changes nothing. */
export class Prefix {
  readonly bytes: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.bytes = prefix;
  }

  get isEmpty(): boolean {
    return this.bytes.length === 0;
  }

  /** The key as the cluster has it. */
  key(key: Uint8Array): Uint8Array {
    return this.isEmpty ? key : Buffer.concat([this.bytes, key]);
  }

  /** The end of a range as the cluster has it; empty means a single key, and a zero octet no end. */
  end(end: Uint8Array): Uint8Array {
    if (this.isEmpty || end.length === 0) return end;
    return end.length === 1 && end[0] === 0 ? this.#behindAll() : Buffer.concat([this.bytes, end]);
  }

  /** The client's key of one that a member has told of. */
  strip(key: Uint8Array): Uint8Array {
    return this.isEmpty ? key : key.subarray(this.bytes.length);
  }

  owns(key: Uint8Array): boolean {
    return Buffer.compare(key.subarray(0, this.bytes.length), this.bytes) === 0;
  }

  /** The first key that comes after all with the prefix. */
  #behindAll(): Uint8Array {
    const last = this.bytes.findLastIndex((octet) => octet !== 0xff);
    if (last < 0) return Uint8Array.of(0);
    const end = Uint8Array.from(this.bytes);
    for (let i = last + 1; i < end.length; i++) end[i] = 0;
    end[last]!++;
    return end;
  }
}
