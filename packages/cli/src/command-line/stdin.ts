const NEWLINE = 10;

/** Standard input, line by line or all of it. */
export class StandardInput {
  readonly #open: () => AsyncIterable<Buffer>;
  #chunks: AsyncIterator<Buffer> | undefined;
  #buffered: Buffer = Buffer.alloc(0);

  /** It when it is a terminal, whose keys may be read one by one. */
  readonly terminal: () => NodeJS.ReadStream | undefined;

  /** It is opened when it is read for the first time: most commands do not. */
  constructor(
    open: () => AsyncIterable<Buffer>,
    terminal: () => NodeJS.ReadStream | undefined = () => undefined,
  ) {
    this.#open = open;
    this.terminal = terminal;
  }

  /** With its end cut off; undefined when there is no whole line any more. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffered.indexOf(NEWLINE);
      if (end >= 0) {
        const line = this.#buffered.toString("utf8", 0, end);
        this.#buffered = this.#buffered.subarray(end + 1);
        return line;
      }
      const chunk = await this.#next();
      if (chunk === undefined) return undefined;
      this.#buffered = Buffer.concat([this.#buffered, chunk]);
    }
  }

  /** What stands behind the last end of a line. */
  unfinishedLine(): string {
    const text = this.#buffered.toString();
    this.#buffered = Buffer.alloc(0);
    return text;
  }

  /** All that has not been taken from the system yet. What has been belongs to lines. */
  async rest(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async #next(): Promise<Buffer | undefined> {
    this.#chunks ??= this.#open()[Symbol.asyncIterator]();
    const { done, value } = await this.#chunks.next();
    return done === true ? undefined : value;
  }
}
