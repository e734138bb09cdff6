/** Which stretch of time is visible, and where on the canvas. */
export class TimeScale {
  readonly #endMs: number;
  #fromMs = 0;
  #toMs = 1;
  #leftPx = 0;
  #widthPx = 1;

  /** `endMs`: of the run. */
  constructor(endMs: number) {
    this.#endMs = endMs;
    this.showAll();
  }

  get fromMs(): number {
    return this.#fromMs;
  }
  get toMs(): number {
    return this.#toMs;
  }
  get leftPx(): number {
    return this.#leftPx;
  }
  get rightPx(): number {
    return this.#leftPx + this.#widthPx;
  }

  place(leftPx: number, widthPx: number): void {
    this.#leftPx = leftPx;
    this.#widthPx = Math.max(1, widthPx);
  }

  x(ms: number): number {
    return this.#leftPx + ((ms - this.#fromMs) / (this.#toMs - this.#fromMs)) * this.#widthPx;
  }

  ms(x: number): number {
    return this.#fromMs + ((x - this.#leftPx) / this.#widthPx) * (this.#toMs - this.#fromMs);
  }

  /** Shows [fromMs, toMs], as far as that is in the run, with a margin, and not shorter than can be told apart. */
  show(fromMs: number, toMs: number): void {
    const marginMs = MARGIN * this.#endMs;
    const spanMs = Math.min(Math.max(toMs - fromMs, MIN_SPAN_MS), this.#endMs + 2 * marginMs);
    this.#fromMs = Math.min(Math.max(fromMs, -marginMs), this.#endMs + marginMs - spanMs);
    this.#toMs = this.#fromMs + spanMs;
  }

  showAll(): void {
    this.show(0, this.#endMs);
  }

  /** What is under `x` stays there. `factor`: of the visible span, less than 1 shows less. */
  zoom(factor: number, x: number): void {
    const ms = this.ms(x);
    this.show(ms - (ms - this.#fromMs) * factor, ms + (this.#toMs - ms) * factor);
  }

  pan(byPx: number): void {
    const byMs = (byPx / this.#widthPx) * (this.#toMs - this.#fromMs);
    this.show(this.#fromMs + byMs, this.#toMs + byMs);
  }

  /** Round times, at least `minPx` from each other. */
  ticks(minPx: number): number[] {
    const minMs = (minPx / this.#widthPx) * (this.#toMs - this.#fromMs);
    const decade = 10 ** Math.floor(Math.log10(minMs));
    const stepMs = [1, 2, 5, 10].map((step) => step * decade).find((step) => step >= minMs) ?? 10 * decade;
    const ticks: number[] = [];
    for (let i = Math.ceil(this.#fromMs / stepMs); i * stepMs <= this.#toMs; i++) ticks.push(i * stepMs);
    return ticks;
  }
}

const MIN_SPAN_MS = 1;
/** Part of the run by which one can look behind its ends. */
const MARGIN = 0.02;
