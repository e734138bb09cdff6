import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { Beside } from "./beside.ts";

const ANSWER_MS = 30_000;

/** Starts and asks the process beside; it ends with this one, whatever happens. */
export class BesideProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** `file`: on the member's disk. `token`: of a user, if one is needed. */
  static async start(address: string, file: string, token?: string): Promise<BesideProcess> {
    const args = token === undefined ? [address, file] : [address, file, token];
    const child = fork(path.join(import.meta.dirname, "beside.ts"), args, {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const beside = new BesideProcess(child);
    await beside.#message();
    return beside;
  }

  /** What it saw since this was called last. */
  take(): Promise<Beside> {
    const answer = this.#message();
    this.#child.send("take");
    return answer as Promise<Beside>;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }

  #message(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      const timer = setTimeout(() => done(new Error("the process beside is silent")), ANSWER_MS);
      const onMessage = (message: unknown): void => done(undefined, message);
      const onExit = (): void => done(new Error("the process beside ended"));
      const done = (error: Error | undefined, message?: unknown): void => {
        clearTimeout(timer);
        child.off("message", onMessage);
        child.off("exit", onExit);
        if (error === undefined) resolve(message);
        else reject(error);
      };
      child.on("message", onMessage);
      child.on("exit", onExit);
    });
  }
}
