import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";

const TASKS = "/proc/self/task";
/** What Node.js calls the engine's threads that compile and collect garbage. */
const NAME = "node-V8Worker";
/** Far behind the loop, and still running on a machine that is always busy. */
const NICENESS = 10;

/**
 * Lets the engine's helper threads give way to the loop, its own and that of other members on the machine. The scheduler
 * knows no difference, and where all processors are busy one of them can make a request wait for a whole time slice.
 * Linux only, as only there threads have a niceness of their own; elsewhere, and where it is refused, nothing happens.
 */
export function lowerHelperThreads(): void {
  if (process.platform !== "linux") return;
  try {
    for (const id of readdirSync(TASKS)) {
      if (readFileSync(`${TASKS}/${id}/comm`, "utf8").startsWith(NAME)) os.setPriority(Number(id), NICENESS);
    }
  } catch {
    // A thread that has ended, no /proc, or a sandbox: it works without.
  }
}
