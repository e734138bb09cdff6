/** Which member is asked next: one after another, but for those that are left out for a while, unless all are. */
export class MemberTurns {
  readonly #leftOutUntilMs: number[];
  #last = -1;

  constructor(count: number) {
    this.#leftOutUntilMs = new Array<number>(count).fill(0);
  }

  next(nowMs: number): number {
    const count = this.#leftOutUntilMs.length;
    const inOrder = Array.from({ length: count }, (_, i) => (this.#last + 1 + i) % count);
    this.#last = inOrder.find((one) => this.#leftOutUntilMs[one]! <= nowMs) ?? inOrder[0]!;
    return this.#last;
  }

  leaveOut(one: number, untilMs: number): void {
    this.#leftOutUntilMs[one] = untilMs;
  }
}
