import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";

const TASKS = "/proc/self/task";
/** What Node.js calls the engine's threads that compile and collect garbage. */
const NAME = "node-V8Worker";
/**
 * Behind the loop by so much: half of its share where a processor is short. Further behind (it was 10), and on a busy machine
 * the loop waited up to 400 ms for a collection of garbage that it shares with them.
 */
const STEP = 3;
const LAST = 19;

/**
 * Lets the engine's helper threads give way to the loop, its own and that of other members on the machine. The scheduler
 * knows no difference, and where all processors are busy one of them can make a request wait for a whole time slice.
 * Linux only, as only there threads have a niceness of their own; elsewhere, and where it is refused, nothing happens.
 */
export function lowerHelperThreads(): void {
  if (process.platform !== "linux") return;
  try {
    const niceness = Math.min(os.getPriority() + STEP, LAST);
    for (const id of readdirSync(TASKS)) {
      if (readFileSync(`${TASKS}/${id}/comm`, "utf8").startsWith(NAME)) os.setPriority(Number(id), niceness);
    }
  } catch {
    // A thread that has ended, no /proc, or a sandbox: it works without.
  }
}
