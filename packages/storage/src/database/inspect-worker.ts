import { closeSync, fstatSync, openSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { fileSource } from "../bbolt/byte-source.ts";
import { inspectSource } from "./inspect-source.ts";

/** What the thread is told; it answers with an `Inspection`. */
export interface InspectionTask {
  readonly bboltPath: string;
}

/* A thread of its own: reads a bbolt file and keeps nothing of it. */
const { bboltPath } = workerData as InspectionTask;
const fd = openSync(bboltPath, "r");
parentPort!.postMessage(inspectSource(fileSource(bboltPath, fd, fstatSync(fd).size)));
closeSync(fd);
