/**
 * So large that the system's allocator maps each block singly and takes its memory back at once. Pieces that are kept each by
 * itself would lie between what stays, and so would all their memory when they are gone.
 */
const BLOCK_BYTES = 320 * 1024;

/** A text that is made in pieces and goes out as one. */
export class WholeText {
  readonly #parts: Uint8Array[] = [];
  #block: Buffer = Buffer.alloc(0);
  #used = 0;

  add(piece: string): void {
    if (this.#used === 0) {
      // Most texts are this one piece.
      this.#block = Buffer.from(piece);
      this.#used = this.#block.length;
      return;
    }
    const bytes = Buffer.byteLength(piece);
    if (bytes > this.#block.length - this.#used) {
      this.#parts.push(this.#block.subarray(0, this.#used));
      this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes));
      this.#used = 0;
    }
    this.#used += this.#block.write(piece, this.#used);
  }

  /** The text as UTF-8; nothing may be added any more. */
  finish(): Uint8Array[] {
    if (this.#used > 0) this.#parts.push(this.#block.subarray(0, this.#used));
    return this.#parts;
  }
}
