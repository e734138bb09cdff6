import type { Invocation } from "../../command-line/command.ts";
import type { Output } from "../../command-line/output.ts";
import type { Style } from "../terminal/style.ts";
import type { Line } from "./frame.ts";

const INTERRUPT = "\u0003";
/** Another screen than the one with what came before, without a cursor; and back. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_REST = "\u001b[J";

/** All of a terminal, until somebody leaves: with `q`, or as programs are interrupted. */
export class Screen {
  isLeft = false;
  readonly #output: Output;
  readonly #stdin: NodeJS.ReadStream | undefined;
  readonly #left: Promise<void>;

  private constructor({ input, output }: Invocation, signal: AbortSignal) {
    this.#output = output;
    this.#stdin = input.terminal();
    this.#left = new Promise((resolve) => {
      const leave = () => {
        this.isLeft = true;
        resolve();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#stdin?.setRawMode(true);
      this.#stdin?.on("data", (typed: Buffer) => {
        if (/^[qQ]/.test(typed.toString()) || typed.includes(INTERRUPT)) leave();
      });
    });
  }

  static open(invocation: Invocation, signal: AbortSignal): Screen {
    const screen = new Screen(invocation, signal);
    screen.#output.write(ENTER);
    return screen;
  }

  /** Resolves after so many milliseconds, or when somebody leaves. */
  async leftOrAfter(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    await Promise.race([promise, this.#left]);
    clearTimeout(timer);
  }

  /** Shows as many lines as there is room for, of those that are made for so many rows. */
  show(linesFor: (rows: number) => readonly Line[], style: Style): void {
    const { columns = 80, rows = 24 } = process.stdout;
    const lines = linesFor(rows).slice(0, rows - 1);
    const shown = lines.map(({ text, kind }) => {
      const cut = [...text].slice(0, columns).join("");
      const styled = kind === "head" ? style.folder(cut) : kind === "bad" ? style.removed(cut) : cut;
      return `${styled}${CLEAR_LINE}\r\n`;
    });
    this.#output.write(`${HOME}${shown.join("")}${CLEAR_REST}`);
  }

  close(): void {
    this.#stdin?.setRawMode(false);
    this.#stdin?.pause();
    this.#output.write(LEAVE);
  }
}
