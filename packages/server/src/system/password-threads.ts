import { Worker } from "node:worker_threads";
import type { PasswordAnswer, PasswordTask } from "./password-thread.ts";

const SCRIPT = new URL("./password-thread.ts", import.meta.url);
/** Most members see a login now and then: a thread that has had nothing to do for so long ends. */
const IDLE_MS = 10_000;
/** For what little JavaScript there is to it. */
const MIB_OF_OBJECTS = 16;

/**
 * Hashes passwords with bcrypt, and compares them with hashes, each in a thread of its own that gives way to the loop. The
 * runtime's own threads are no place for that: the log is written with them, and they cannot be told apart. There are as
 * many threads as passwords are worked on at the same time, which the caller has to bound.
 */
export class PasswordThreads {
  readonly #idleMs: number;
  readonly #idle: PasswordThread[] = [];

  /** A thread ends when it has had nothing to do for `idleMs`. */
  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs;
  }

  /** `cost` is bcrypt's, 4 to 31. */
  async hash(password: string, cost: number): Promise<string> {
    return String(await this.#run({ password, cost }));
  }

  async verify(password: string, hash: string): Promise<boolean> {
    return (await this.#run({ password, hash })) === true;
  }

  async #run(task: PasswordTask): Promise<string | boolean> {
    const thread = this.#idle.pop() ?? new PasswordThread(this.#idleMs, (ended) => this.#forget(ended));
    const answer = await thread.run(task);
    this.#idle.push(thread);
    if ("failure" in answer) throw new Error(answer.failure);
    return answer.result;
  }

  #forget(thread: PasswordThread): void {
    const at = this.#idle.indexOf(thread);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

/** Does one task at a time. */
class PasswordThread {
  readonly #worker: Worker;
  readonly #idleMs: number;
  readonly #onEnding: (thread: PasswordThread) => void;
  #answer: PromiseWithResolvers<PasswordAnswer> | undefined = undefined;
  #idleTimer: NodeJS.Timeout | undefined = undefined;

  /** `onEnding`: it takes no more tasks. */
  constructor(idleMs: number, onEnding: (thread: PasswordThread) => void) {
    this.#idleMs = idleMs;
    this.#onEnding = onEnding;
    this.#worker = new Worker(SCRIPT, { resourceLimits: { maxOldGenerationSizeMb: MIB_OF_OBJECTS } });
    this.#worker.on("message", (answer: PasswordAnswer) => this.#answered(answer));
    this.#worker.on("error", (error) => this.#ended(error));
    this.#worker.on("exit", () => this.#ended(new Error("the thread ended")));
  }

  /** Rejects when the thread ends without an answer. */
  run(task: PasswordTask): Promise<PasswordAnswer> {
    clearTimeout(this.#idleTimer);
    this.#answer = Promise.withResolvers();
    this.#worker.ref();
    this.#worker.postMessage(task);
    return this.#answer.promise;
  }

  #answered(answer: PasswordAnswer): void {
    this.#answer?.resolve(answer);
    this.#answer = undefined;
    // Nobody waits for it: that is no reason for the process to stay.
    this.#worker.unref();
    this.#idleTimer = setTimeout(() => this.#end(), this.#idleMs).unref();
  }

  #end(): void {
    this.#onEnding(this);
    void this.#worker.terminate();
  }

  #ended(error: unknown): void {
    clearTimeout(this.#idleTimer);
    this.#onEnding(this);
    this.#answer?.reject(error);
    this.#answer = undefined;
  }
}
