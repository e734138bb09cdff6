import type { Invocation } from "../../command-line/command.ts";
import { humanBytes } from "../../go-text/human-bytes.ts";

/** A terminal shows no more of them, and a program has other things to do. */
const SHORTEST_MS = 100;
const BAR_WIDTH = 30;
const BACK_AND_CLEAR = "\r\u001b[K";

/** How far something is. */
export interface Progress {
  /** `total` is undefined as long as nobody knows it. */
  reach(done: number, total: number | undefined): void;
  /** Prints lines above it. */
  beside(print: () => void): void;
  /** Takes it away. */
  end(): void;
}

const NONE: Progress = { reach() {}, beside: (print) => print(), end() {} };

/** What is counted, and how a number of it is told. */
export interface Counted {
  readonly what: string;
  readonly unit: "bytes" | string;
}

/**
 * Shows on the last line of a terminal how far something is. Elsewhere, under the names of etcd's programs, and where a format
 * is asked for, nothing is shown.
 */
export function progressOf({ path, flags, output }: Invocation, counted: Counted): Progress {
  const isForPeople = path[0].isForPeople === true && output.isTerminal() && !flags.changed("write-out");
  return isForPeople ? new ProgressLine(output, counted, REAL_TIME) : NONE;
}

/** What the line has of time. */
export interface Timing {
  nowMs(): number;
  /** Calls it so many milliseconds later, unless the process ends before. */
  later(milliseconds: number, call: () => void): void;
}

const REAL_TIME: Timing = {
  nowMs: () => performance.now(),
  later: (milliseconds, call) => void setTimeout(call, milliseconds).unref(),
};

export class ProgressLine implements Progress {
  readonly #output: Invocation["output"];
  readonly #counted: Counted;
  readonly #timing: Timing;
  readonly #begunMs: number;
  #shownMs = Number.NEGATIVE_INFINITY;
  #text = "";
  /** What there was no time to show yet. */
  #waiting: { readonly done: number; readonly total: number | undefined } | undefined;

  constructor(output: Invocation["output"], counted: Counted, timing: Timing) {
    this.#output = output;
    this.#counted = counted;
    this.#timing = timing;
    this.#begunMs = timing.nowMs();
  }

  reach(done: number, total: number | undefined): void {
    const nowMs = this.#timing.nowMs();
    const isSoon = nowMs - this.#shownMs < SHORTEST_MS;
    // The last one is told at once, so that what has come to its end does not look unfinished.
    if (isSoon && done !== total) {
      if (this.#waiting === undefined) this.#timing.later(SHORTEST_MS, () => this.#showWaiting());
      this.#waiting = { done, total };
      return;
    }
    this.#waiting = undefined;
    this.#shownMs = nowMs;
    this.#text = progressText(this.#counted, done, total, (nowMs - this.#begunMs) / 1_000);
    this.#output.write(BACK_AND_CLEAR, this.#text);
  }

  /** Nothing may follow for long: the last thing that was said is to be seen. */
  #showWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#shownMs = Number.NEGATIVE_INFINITY;
    this.reach(waiting.done, waiting.total);
  }

  beside(print: () => void): void {
    if (this.#text !== "") this.#output.write(BACK_AND_CLEAR);
    print();
    if (this.#text !== "") this.#output.write(this.#text);
  }

  end(): void {
    if (this.#text !== "") this.#output.write(BACK_AND_CLEAR);
    this.#text = "";
    this.#waiting = undefined;
  }
}

/** One line, at most 100 characters unless `what` is long. */
export function progressText(
  { what, unit }: Counted,
  done: number,
  total: number | undefined,
  seconds: number,
): string {
  const amount = (count: number) =>
    unit === "bytes" ? humanBytes(BigInt(Math.round(count))) : `${Math.round(count)} ${unit}`;
  const rate = seconds > 0 ? done / seconds : 0;
  const rateText = rate > 0 ? `  ${amount(rate)}/s` : "";
  if (total === undefined || total === 0) return `${what}  ${amount(done)}${rateText}`;
  const share = Math.min(1, done / total);
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}`;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const left = rate > 0 && share < 1 ? `  ${spanText((total - done) / rate)} left` : "";
  const numbers = unit === "bytes" ? `${amount(done)} of ${amount(total)}` : `${done} of ${amount(total)}`;
  return `${what} ${percent} ${bar}  ${numbers}${rateText}${left}`;
}

function spanText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)}m${whole % 60}s`;
  return `${Math.floor(whole / 3_600)}h${Math.floor((whole % 3_600) / 60)}m`;
}
