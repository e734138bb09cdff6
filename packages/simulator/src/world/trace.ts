import { crc32 } from "node:zlib";

/** What happened in a run, as one number, and the last things of it in words. Equal seeds must give equal traces. */
export class Trace {
  /** Told of each line. */
  listener: ((atMs: number, what: string) => void) | undefined;
  readonly #keep: number;
  #hash = 0;
  #count = 0;
  #lines: string[] = [];

  /** `keep`: how many lines to remember. */
  constructor(keep: number) {
    this.#keep = keep;
  }

  get digest(): string {
    return `${this.#count}-${(this.#hash >>> 0).toString(16).padStart(8, "0")}`;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Something that happens too often to remember it. */
  mark(atMs: number, what: string): void {
    this.#count++;
    this.#hash = crc32(`${atMs} ${what}`, this.#hash);
  }

  bytes(bytes: Uint8Array): void {
    this.#count++;
    this.#hash = crc32(bytes, this.#hash);
  }

  note(atMs: number, what: string): void {
    this.mark(atMs, what);
    this.listener?.(atMs, what);
    if (this.#keep === 0) return;
    this.#lines.push(`${(atMs / 1000).toFixed(4).padStart(9)} ${what}`);
    if (this.#lines.length > 2 * this.#keep) this.#lines = this.#lines.slice(-this.#keep);
  }
}
