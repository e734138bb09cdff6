import { RequestError } from "../errors.ts";

/** Who waits: for whom, so that nobody's many keep others waiting, and until when. */
export interface Waiter {
  /** The same object for all that share a turn, such as the connection that they came over. */
  readonly of: object;
  /** Nobody waits any more. */
  readonly isGone: boolean;
  /** Called when that comes about. There may be thousands of waiters, so this is no signal. */
  onGone: (() => void) | undefined;
}

/**
 * Lets so many do something at the same time. The others wait, and get their turns one from each in rotation, in each one's
 * order.
 */
export class FairTurns {
  readonly #atOnce: number;
  #busy = 0;
  /** Whose turn is next is first. */
  readonly #queues = new Map<object, Set<() => void>>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Resolves when it is the waiter's turn, which then ends with `end`; rejects with CANCELED when it goes before. */
  take(waiter: Waiter): Promise<void> {
    const { of } = waiter;
    if (waiter.isGone) return Promise.reject(new RequestError("CANCELED"));
    if (this.#busy < this.#atOnce) {
      this.#busy += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(of) ?? new Set();
      this.#queues.set(of, queue);
      const begin = () => {
        waiter.onGone = undefined;
        resolve();
      };
      // At once, not when its turn comes: those whose connection is gone would all have it in one turn of the loop.
      waiter.onGone = () => {
        queue.delete(begin);
        if (queue.size === 0) this.#queues.delete(of);
        reject(new RequestError("CANCELED"));
      };
      queue.add(begin);
    });
  }

  end(): void {
    const [next] = this.#queues;
    if (next === undefined) {
      this.#busy -= 1;
      return;
    }
    const [of, queue] = next;
    const [begin] = queue;
    queue.delete(begin!);
    this.#queues.delete(of);
    if (queue.size > 0) this.#queues.set(of, queue);
    begin!();
  }
}
