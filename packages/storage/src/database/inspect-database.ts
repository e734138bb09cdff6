import type { InspectionTask } from "./inspect-worker.ts";
import type { Inspection } from "./inspection.ts";
import { runWorker } from "./run-worker.ts";

const WORKER = new URL("./inspect-worker.ts", import.meta.url);

/**
 * Reads a database file whole, in a thread of its own, and checks all of it. A file that is not sound is a result; rejects
 * when it cannot be read.
 */
export function inspectDatabase(path: string): Promise<Inspection> {
  const task: InspectionTask = { path };
  return runWorker<Inspection>(WORKER, task);
}
