import { parentPort, workerData } from "node:worker_threads";
import { RealDisk } from "@quorate/bbolt";
import { inspectFile } from "./inspection.ts";

/** What the thread is told; it answers with an `Inspection`. */
export interface InspectionTask {
  readonly path: string;
}

/* A thread of its own: nobody waits beside it. */
const { path } = workerData as InspectionTask;
parentPort!.postMessage(await inspectFile(new RealDisk(), path, () => Promise.resolve()));
