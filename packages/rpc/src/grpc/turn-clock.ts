import type { RpcClock } from "./deadlines.ts";

/** A look at the clock serves so many that follow it, should a turn be long. */
export const USES_OF_A_LOOK = 32;

/**
 * A clock for what is told in milliseconds. A look at a real one takes as long as all the counting of a small call, so those
 * that end one after another, before the runtime takes up anything else, share one. It goes back to the real one then.
 */
export class TurnClock {
  readonly #clock: Pick<RpcClock, "nowMs">;
  readonly #forget = (): void => {
    this.#usesLeft = 0;
    this.#willForget = false;
  };
  #nowMs = 0;
  #usesLeft = 0;
  #willForget = false;

  constructor(clock: Pick<RpcClock, "nowMs">) {
    this.#clock = clock;
  }

  /** Monotonic milliseconds: now, or when this was last asked in the same run of code. Hot. */
  nowMs(): number {
    if (this.#usesLeft === 0) this.#look();
    this.#usesLeft--;
    return this.#nowMs;
  }

  #look(): void {
    this.#nowMs = this.#clock.nowMs();
    this.#usesLeft = USES_OF_A_LOOK;
    if (this.#willForget) return;
    this.#willForget = true;
    queueMicrotask(this.#forget);
  }
}
