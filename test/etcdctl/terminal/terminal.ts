import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import path from "node:path";
import type { Found } from "@quorate/testkit/etcd";
import { killAtExit } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";

const DRIVER = path.join(import.meta.dirname, "on_terminal.py");
const LONGEST_MS = 240_000;
const COLUMNS = "120";
const ROWS = "40";
const MARKS = /\0(hidden|shown)\0/g;

/** The Python that makes terminals, or why there is none. */
export function terminalMaker(): Found<string> {
  const { status } = spawnSync("python3", ["-c", "import fcntl, pty, termios"]);
  return status === 0 ? { found: "python3" } : { missing: "python3 with its module pty is not installed" };
}

/** What a person does. */
export type Step =
  /** Waits until the terminal shows this, behind what was waited for before. */
  | { readonly sees: RegExp }
  /** Waits until the terminal does not show any more what is typed, as for a password. */
  | { readonly isHidden: true }
  | { readonly types: string }
  /** Waits for what somebody else does meanwhile. */
  | { readonly meanwhile: readonly string[] };

/** How a program ended that ran on a terminal. */
export interface Transcript {
  /** 128 and the signal's number when one ended it. */
  readonly code: number | null;
  /** All that the terminal showed, with plain ends of lines. */
  readonly text: string;
  /** Whether the terminal shows again what is typed. */
  readonly showsTyping: boolean;
}

/** Runs a command on a terminal of 120 columns and 40 lines, and goes through the steps. `others` does what is done meanwhile. */
export async function onTerminal(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  steps: readonly Step[],
  others: (args: readonly string[]) => Promise<void>,
): Promise<Transcript> {
  const child = spawn("python3", [DRIVER, COLUMNS, ROWS, ...command], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
    timeout: LONGEST_MS,
    killSignal: "SIGKILL",
  });
  killAtExit(child);
  const terminal = new Terminal(child);
  try {
    for (const step of steps) {
      if ("types" in step) child.stdin!.write(step.types);
      else if ("sees" in step) await terminal.see(step.sees);
      else if ("isHidden" in step) await terminal.becomesHidden();
      else await others(step.meanwhile);
    }
    return await terminal.closed;
  } finally {
    child.kill("SIGKILL");
  }
}

class Terminal {
  readonly closed: Promise<Transcript>;
  /** With the driver's marks. */
  #output = "";
  #looked = 0;
  #hasEnded = false;

  constructor(child: ChildProcess) {
    child.stdin!.on("error", () => {});
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      this.#output += chunk;
    });
    this.closed = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        this.#hasEnded = true;
        resolve({ code, text: this.#text.replace(/\r+\n/g, "\n"), showsTyping: !this.#isHidden });
      });
    });
  }

  async see(expression: RegExp): Promise<void> {
    await this.#await(() => {
      const found = expression.exec(this.#text.slice(this.#looked));
      if (found === null) return false;
      this.#looked += found.index + found[0].length;
      return true;
    }, `${expression}`);
  }

  async becomesHidden(): Promise<void> {
    await this.#await(() => this.#isHidden, "typing that is hidden");
  }

  get #text(): string {
    return this.#output.replace(MARKS, "");
  }

  get #isHidden(): boolean {
    return [...this.#output.matchAll(MARKS)].at(-1)?.[1] === "hidden";
  }

  async #await(condition: () => boolean, what: string): Promise<void> {
    let isMet = false;
    await until(() => {
      isMet = condition();
      return isMet || this.#hasEnded;
    }, LONGEST_MS);
    if (!isMet) throw new Error(`waited for ${what}, and the program ended with: ${this.#text}`);
  }
}
