/** Tells whatever a call waits for, one thing at a time, that its client has gone. */
export class Cancellation {
  #canceled = false;
  #stop: (() => void) | undefined;

  get canceled(): boolean {
    return this.#canceled;
  }

  cancel(): void {
    this.#canceled = true;
    const stop = this.#stop;
    this.#stop = undefined;
    stop?.();
  }

  /** `stop` ends what is waited for now, at once when the client has gone already; undefined when nothing is. */
  waitFor(stop: (() => void) | undefined): void {
    if (this.#canceled) stop?.();
    else this.#stop = stop;
  }
}
