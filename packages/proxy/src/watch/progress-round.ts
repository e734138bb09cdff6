import type { ResponseHeader } from "@quorate/wire/messages";
import type { WatcherSource } from "./proxied-watcher.ts";

/** A question how far several watches have come, which is answered when all of them have. */
export class ProgressRound {
  readonly #waiting = new Map<WatcherSource, (header: ResponseHeader) => void>();
  readonly #onAnswer: (least: ResponseHeader) => void;
  #least: ResponseHeader | undefined;

  /** `watches`: one at least. `onAnswer` gets the header of the one that is behind the others. */
  constructor(watches: Iterable<WatcherSource>, onAnswer: (least: ResponseHeader) => void) {
    this.#onAnswer = onAnswer;
    for (const watch of watches) {
      const answer = (header: ResponseHeader) => this.#answered(watch, header);
      this.#waiting.set(watch, answer);
      watch.requestProgress(answer);
    }
  }

  /** A member that could not say is asked once more. */
  askAgain(): void {
    for (const [watch, answer] of this.#waiting) watch.requestProgress(answer);
  }

  abandon(): void {
    for (const [watch, answer] of this.#waiting) watch.forgetProgress(answer);
    this.#waiting.clear();
  }

  #answered(watch: WatcherSource, header: ResponseHeader): void {
    this.#waiting.delete(watch);
    if (this.#least === undefined || header.revision < this.#least.revision) this.#least = header;
    if (this.#waiting.size === 0) this.#onAnswer(this.#least);
  }
}
