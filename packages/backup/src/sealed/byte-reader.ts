/** Reads a stream of chunks by numbers of bytes. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** As many as are asked for, or fewer when the stream ends before. */
  async read(count: number): Promise<Uint8Array> {
    while (this.#length < count) {
      const { done, value } = await this.#source.next();
      if (done === true) break;
      this.#chunks.push(value);
      this.#length += value.length;
    }
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const taken = all.subarray(0, count);
    const rest = all.subarray(taken.length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return taken;
  }

  /** Nothing more is read: the source may close what it has open. */
  async end(): Promise<void> {
    await this.#source.return?.();
  }
}
