import os from "node:os";
import { parentPort } from "node:worker_threads";
import { compareSync, hashSync } from "bcryptjs";

/** To hash a password, or to compare one with a hash. */
export type PasswordTask =
  | { readonly password: string; readonly cost: number }
  | { readonly password: string; readonly hash: string };

/** The hash, or whether it is the password's; or why there is no answer. */
export type PasswordAnswer = { readonly result: string | boolean } | { readonly failure: string };

/** Behind the loop by so much: a tenth of its share where a processor is short, which a login every second still gets along with. */
const STEP = 10;
const LAST = 19;

/* A thread of its own: answers tasks, one after another. */
giveWay();
parentPort!.on("message", (task: PasswordTask) => parentPort!.postMessage(answerOf(task)));

/** Lets the scheduler prefer others to this thread. Linux only: elsewhere threads have no niceness of their own. */
function giveWay(): void {
  if (process.platform !== "linux") return;
  try {
    // Of 0 means the thread that asks.
    os.setPriority(0, Math.min(os.getPriority(0) + STEP, LAST));
  } catch {
    // A sandbox refuses it: it works without.
  }
}

function answerOf(task: PasswordTask): PasswordAnswer {
  const { password } = task;
  try {
    if ("hash" in task) return { result: isPasswordOf(password, task.hash) };
    return { result: hashSync(password, task.cost) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

/** What is no hash at all, of a store that somebody has changed by hand, is nobody's. */
function isPasswordOf(password: string, hash: string): boolean {
  try {
    return compareSync(password, hash);
  } catch {
    return false;
  }
}
