/** The space quota of this member; the size is that of the backend's file, so only defragmentation frees it. */
export class Quota {
  readonly limitBytes: number;
  readonly #sizeBytes: () => number;

  /** `limitBytes` is Infinity when the quota is off. */
  constructor(limitBytes: number, sizeBytes: () => number) {
    this.limitBytes = limitBytes;
    this.#sizeBytes = sizeBytes;
  }

  fits(costBytes: number): boolean {
    return (
      costBytes === 0 ||
      this.limitBytes === Number.POSITIVE_INFINITY ||
      this.#sizeBytes() + costBytes < this.limitBytes
    );
  }
}
