import { closeSync, fstatSync, openSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { LogIndex } from "@quorate/raft";
import { fileSource } from "../bbolt/byte-source.ts";
import { DatabaseFileError } from "../bbolt/errors.ts";
import { readDatabase } from "./read-database.ts";
import { INDEX_KEY, readUint64 } from "./uint64.ts";

/** What the thread is told. */
export interface InspectionTask {
  readonly bboltPath: string;
}

/** What it answers: the last entry that a sound file reflects, or what is wrong with the file and on which page. */
export type Inspection = { readonly consistentIndex: LogIndex } | { readonly fault: string };

/* A thread of its own: reads a bbolt file and keeps nothing of it. */
const { bboltPath } = workerData as InspectionTask;
const fd = openSync(bboltPath, "r");
parentPort!.postMessage(inspect());
closeSync(fd);

function inspect(): Inspection {
  let consistentIndex = 0;
  const steps = readDatabase(fileSource(bboltPath, fd, fstatSync(fd).size), {
    putRevision: () => {},
    putEntry: (table, key, value) => {
      if (table === "meta" && Buffer.compare(key, INDEX_KEY) === 0) consistentIndex = readUint64(value);
    },
  });
  try {
    while (steps.next().done !== true);
  } catch (error) {
    if (error instanceof DatabaseFileError) return { fault: error.message };
    throw error;
  }
  return { consistentIndex };
}
