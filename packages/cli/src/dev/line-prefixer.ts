import { Transform, type TransformCallback } from "node:stream";

const NEWLINE = 0x0a;
/** A line that is longer is broken up: one without an end must not fill the memory. */
const MAX_LINE_BYTES = 65_536;

/** Puts a prefix before every line, and passes on whole lines only, so that those of several processes do not mix. */
export class LinePrefixer extends Transform {
  readonly #prefix: Buffer;
  #pending: Buffer = Buffer.alloc(0);

  constructor(prefix: string) {
    super();
    this.#prefix = Buffer.from(prefix);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const data = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const parts: Buffer[] = [];
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, start)) {
      parts.push(this.#prefix, data.subarray(start, end + 1));
      start = end + 1;
    }
    this.#pending = data.subarray(start);
    if (this.#pending.length > MAX_LINE_BYTES) parts.push(...this.#endLine());
    done(null, Buffer.concat(parts));
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#pending.length === 0 ? undefined : Buffer.concat(this.#endLine()));
  }

  #endLine(): Buffer[] {
    const parts = [this.#prefix, this.#pending, Buffer.from([NEWLINE])];
    this.#pending = Buffer.alloc(0);
    return parts;
  }
}
