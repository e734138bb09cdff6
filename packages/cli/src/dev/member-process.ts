import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { LinePrefixer } from "./line-prefixer.ts";

export interface MemberExit {
  /** `exit code 1`, `signal SIGKILL`, or why it could not be started. */
  readonly how: string;
  readonly code: number | null;
}

/** One member as a child process; what it writes goes to `output`, line by line behind its prefix. */
export class MemberProcess {
  readonly name: string;
  readonly exited: Promise<MemberExit>;
  readonly #child: ChildProcess;
  #running = true;

  constructor(
    name: string,
    command: readonly string[],
    args: readonly string[],
    prefix: string,
    output: Writable,
  ) {
    this.name = name;
    this.#child = spawn(command[0]!, [...command.slice(1), ...args], {
      // Its standard input ends when this process does, however that happens.
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own: a terminal's Ctrl-C is for this process, which stops the members in order.
      detached: true,
      env: environmentFor(args),
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.pipe(new LinePrefixer(prefix)).pipe(output, { end: false });
    }
    this.#child.stdin!.on("error", () => {}); // it never reads, so nothing can be lost
    this.exited = new Promise((resolve) => {
      const ended = (exit: MemberExit): void => {
        this.#running = false;
        resolve(exit);
      };
      this.#child.once("error", (error) => ended({ how: error.message, code: null }));
      // "close", not "exit": by then all it wrote has been read.
      this.#child.once("close", (code, signal) =>
        ended({ how: signal === null ? `exit code ${code}` : `signal ${signal}`, code }),
      );
    });
  }

  get isRunning(): boolean {
    return this.#running;
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.#running) this.#child.kill(signal);
  }
}

/** A variable and the flag for the same thing exclude each other; here the flags decide. */
function environmentFor(args: readonly string[]): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const arg of args) {
    const flag = /^--?([a-z][a-z0-9-]*)/.exec(arg);
    if (flag !== null) delete env[`ETCD_${flag[1]!.toUpperCase().replaceAll("-", "_")}`];
  }
  return env;
}
