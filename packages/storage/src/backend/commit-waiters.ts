/** Who waits for commits, by the number of the commit. */
export class CommitWaiters {
  #waiting: {
    readonly commit: number;
    readonly done: () => void;
    readonly failed: (error: Error) => void;
  }[] = [];

  /** One of both is called, once. `done` must not throw. */
  add(commit: number, done: () => void, failed: (error: Error) => void): void {
    this.#waiting.push({ commit, done, failed });
  }

  /** Everything up to `commit` is in the file, and no other commit is under way. */
  done(commit: number): void {
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter((waiter) => waiter.commit <= commit);
    this.#waiting = this.#waiting.filter((waiter) => waiter.commit > commit);
    for (const { done } of due) done();
  }

  failed(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { failed } of waiting) failed(error);
  }
}
