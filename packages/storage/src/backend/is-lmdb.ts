import { closeSync, openSync, readSync } from "node:fs";
import { metaPageProblem } from "./lmdb-format.ts";

/** Whether there is a file that begins as a database of LMDB's does, sound or not. */
export function isLmdb(file: string): boolean {
  const head = new Uint8Array(64);
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    // Whoever opens it says why it cannot be.
    return false;
  }
  try {
    readSync(descriptor, head);
  } finally {
    closeSync(descriptor);
  }
  return metaPageProblem(new DataView(head.buffer), 0) === undefined;
}
