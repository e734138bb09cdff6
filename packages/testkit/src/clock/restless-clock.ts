/** Time passes at every look, so that long work really is cut into slices; timers fire as soon as they can. */
export class RestlessClock {
  #nowMs = 0;
  readonly #stepMs: number;

  /** Without steps time stands still, and only work counts. */
  constructor(stepMs = 0.5) {
    this.#stepMs = stepMs;
  }

  nowMs(): number {
    this.#nowMs += this.#stepMs;
    return this.#nowMs;
  }

  wallMs(): number {
    return this.nowMs();
  }

  setTimer(_delayMs: number, callback: () => void): { cancel(): void } {
    const handle = setImmediate(callback);
    return { cancel: () => clearImmediate(handle) };
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }
}
