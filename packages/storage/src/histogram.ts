/** What a histogram counts: observations up to each bound, all of them, and their sum. Plain numbers: cheap to count. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Of observations at most as large as the bound of the same place, and not as the one before. */
  readonly counts: number[];
  count = 0;
  sum = 0;

  /** `bounds` ascend. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length).fill(0);
  }

  /** The same value, so many times. Hot. */
  observe(value: number, times = 1): void {
    this.count += times;
    this.sum += value * times;
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i++) {
      if (value > bounds[i]!) continue;
      this.counts[i]! += times;
      return;
    }
  }
}

/** So many bounds: `first`, `first * factor`, ... */
export function exponentialBounds(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * factor ** i);
}
