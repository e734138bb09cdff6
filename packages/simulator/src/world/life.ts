import type { Clock, Timer } from "@quorate/storage/seams/clock";
import type { VirtualTime } from "./virtual-time.ts";

/** How a machine's clocks differ from the world's. */
export interface ClockSkew {
  /** Local milliseconds that pass in one of the world's. */
  readonly rate: number;
  readonly originMs: number;
  /** Of the wall clock, which may also jump. */
  wallOffsetMs: number;
  /** The wall clock goes on in steps of this. */
  readonly wallStepMs?: number;
}

export interface LifeEvents {
  /** The process gets to run. */
  entered(): void;
  /** Something has escaped the process. */
  onThrow(error: Error): void;
  /** The process has looked at the time. May throw. */
  step(): void;
}

/** How long whoever yields waits: not nothing, so that whoever yields until time has passed sees it pass. */
const SOON_MS = 0.01;
const WALL_START_MS = 1_700_000_000_000;

/**
 * The life of one process. Everything that reaches it from outside (timers, the disk, the network) goes through `enter`:
 * a paused process finds it all when it goes on, and a dead one never does.
 */
export class Life {
  readonly clock: Clock;
  readonly #time: VirtualTime;
  readonly #entered: () => void;
  readonly #onThrow: (error: Error) => void;
  #isAlive = true;
  #isPaused = false;
  #waiting: (() => void)[] = [];
  readonly #endings = new Set<() => void>();

  constructor(time: VirtualTime, skew: ClockSkew, { entered, onThrow, step }: LifeEvents) {
    this.#time = time;
    this.#entered = entered;
    this.#onThrow = onThrow;
    // Own properties only: members copy their clock to wrap it.
    this.clock = {
      nowMs: () => {
        step();
        return skew.originMs + time.nowMs * skew.rate;
      },
      wallMs: () => {
        const { wallOffsetMs, wallStepMs = 1, rate } = skew;
        const ms = WALL_START_MS + wallOffsetMs + time.nowMs * rate;
        return Math.floor(ms / wallStepMs) * wallStepMs;
      },
      setTimer: (delayMs, callback) => this.#setTimer(Math.max(delayMs / skew.rate, SOON_MS), callback),
      soon: (callback) => {
        this.#setTimer(SOON_MS, callback);
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  enter(run: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isPaused) {
      this.#waiting.push(run);
      return;
    }
    this.#entered();
    try {
      run();
    } catch (error) {
      this.#onThrow(error as Error);
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What came meanwhile is found at once, in the order in which it came. */
  resume(): void {
    this.#isPaused = false;
    for (const run of this.#waiting.splice(0)) this.#time.after(SOON_MS, () => this.enter(run));
  }

  /** The process is gone: nothing of it runs any more. */
  end(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#waiting = [];
    for (const ending of this.#endings) ending();
    this.#endings.clear();
  }

  /** `ending` is called once, when the process has gone. Returns what takes it back. */
  onEnd(ending: () => void): () => void {
    const entry = () => ending();
    this.#endings.add(entry);
    return () => {
      this.#endings.delete(entry);
    };
  }

  #setTimer(delayMs: number, callback: () => void): Timer {
    if (!this.#isAlive) return { cancel() {} };
    let canceled = false;
    const event = this.#time.after(delayMs, () => {
      this.enter(() => {
        if (!canceled) callback();
      });
    });
    return {
      cancel: () => {
        canceled = true;
        event.run = undefined;
      },
    };
  }
}
