/**
 * The space quota of this member. The size is that of the pages in use, as of the last commit of the database: what a
 * compaction or a deletion frees can be written again, without a defragmentation, for the database uses free pages first.
 */
export class Quota {
  readonly limitBytes: number;
  readonly #usedBytes: () => number;

  /** `limitBytes` is Infinity when the quota is off. */
  constructor(limitBytes: number, usedBytes: () => number) {
    this.limitBytes = limitBytes;
    this.#usedBytes = usedBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes();
  }

  /** Of the quota; 0 when it is off. */
  get usedRatio(): number {
    return this.#usedBytes() / this.limitBytes;
  }

  fits(costBytes: number): boolean {
    return (
      costBytes === 0 ||
      this.limitBytes === Number.POSITIVE_INFINITY ||
      this.#usedBytes() + costBytes < this.limitBytes
    );
  }
}
