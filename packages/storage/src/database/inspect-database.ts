import type { Inspection } from "./inspect-source.ts";
import type { InspectionTask } from "./inspect-worker.ts";
import { runWorker } from "./run-worker.ts";

const WORKER = new URL("./inspect-worker.ts", import.meta.url);

/**
 * Reads a bbolt file whole, in a thread of its own, and checks all that an import of it would. A file that is not sound is
 * a result; rejects when it cannot be read.
 */
export function inspectDatabase(bboltPath: string): Promise<Inspection> {
  const task: InspectionTask = { bboltPath };
  return runWorker<Inspection>(WORKER, task);
}
