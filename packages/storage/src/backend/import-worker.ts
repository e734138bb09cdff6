import { closeSync, fstatSync, openSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { fileSource } from "../bbolt/byte-source.ts";
import { realClock } from "../seams/real-clock.ts";
import { ChunkPool } from "./arena.ts";
import { Committer } from "./committer.ts";
import { LmdbFile } from "./lmdb-file.ts";
import { readDatabase } from "./read-database.ts";
import { WriteBatch } from "./write-batch.ts";

/** What the thread is told. */
export interface ImportTask {
  readonly bboltPath: string;
  /** Where nothing is yet. */
  readonly databasePath: string;
}

/** What it answers. */
export interface ImportResult {
  readonly unknownBuckets: readonly string[];
}

const BATCH_WRITES = 100_000;
const BATCH_BYTES = 32 << 20;

/* A thread of its own: reads a bbolt file and writes an LMDB file, which is durable when it answers. */
const { bboltPath, databasePath } = workerData as ImportTask;
const fd = openSync(bboltPath, "r");
const source = fileSource(bboltPath, fd, fstatSync(fd).size);
const target = await LmdbFile.open(databasePath);
const unknownBuckets = await copy();
await target.close();
closeSync(fd);
const result: ImportResult = { unknownBuckets };
parentPort!.postMessage(result);

async function copy(): Promise<string[]> {
  const committer = new Committer(realClock);
  const batch = new WriteBatch(new ChunkPool(), true);
  const commit = async (): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      committer.commit(target.environment, batch, (error) =>
        error === undefined ? resolve() : reject(error),
      );
    });
    batch.clear();
  };
  const steps = readDatabase(source, {
    putRevision: (main, sub, tombstone, record) => batch.putRevision(main, sub, tombstone, record),
    putEntry: (table, key, value) => batch.setEntry(table, key, value),
  });
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) {
      await commit();
      return value;
    }
    if (batch.writes >= BATCH_WRITES || batch.bytes >= BATCH_BYTES) await commit();
  }
}
