import { EventQueue, type VirtualEvent } from "./event-queue.ts";

/**
 * Time that passes only from one event to the next. Promises are worked off between two events, so that an event is to
 * what it wakes as a turn of the real loop is; nothing waits for real time.
 */
export class VirtualTime {
  readonly #queue = new EventQueue();
  #nowMs = 0;
  #events = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  after(delayMs: number, run: () => void): VirtualEvent {
    return this.#queue.add(this.#nowMs + Math.max(0, delayMs), run);
  }

  /** Like `after`, at exactly that time: the same one in each run. */
  at(atMs: number, run: () => void): VirtualEvent {
    return this.#queue.add(Math.max(this.#nowMs, atMs), run);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /**
   * Lets events happen until `isDone`, which is asked after each. `afterEach` is called when everything an event led to
   * at once has happened. Throws what an event throws, and when there is nothing left to wait for.
   */
  async run(isDone: () => boolean, afterEach: () => void): Promise<void> {
    await promisesToSettle();
    while (!isDone()) {
      const event = this.#queue.takeFirst();
      if (event === undefined) throw new Error("nothing will ever happen again");
      const { run } = event;
      if (run === undefined) continue;
      this.#nowMs = event.atMs;
      this.#events++;
      event.run = undefined;
      run();
      await promisesToSettle();
      afterEach();
    }
  }
}

/** Without real I/O, every promise that can settle has done so when the loop comes round. */
function promisesToSettle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
