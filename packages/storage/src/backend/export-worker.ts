import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { LogIndex, Term } from "@quorate/raft";
import { writeDatabase } from "./database-content.ts";
import { LmdbContent } from "./lmdb-content.ts";
import type { Meta } from "./lmdb-format.ts";
import { LmdbReader } from "./lmdb-reader.ts";
import { INDEX_KEY, readUint64, TERM_KEY } from "./uint64.ts";

/** What the thread is told. Both files stay open until it has ended. */
export interface ExportTask {
  readonly path: string;
  readonly fd: number;
  readonly meta: Meta;
  readonly outputFd: number;
}

/** What it answers. */
export interface ExportResult {
  readonly sizeBytes: number;
  readonly consistentIndex: LogIndex;
  readonly consistentTerm: Term;
}

/* A thread of its own: reads one state of an LMDB file and writes it as a bbolt file. */
const { path, fd, meta, outputFd } = workerData as ExportTask;
const reader = new LmdbReader(path, fd);
reader.use(meta);
const sizeBytes = writeDatabase(new LmdbContent(reader), {
  write(bytes, position) {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(outputFd, bytes, done, bytes.length - done, position + done);
    }
  },
});
const result: ExportResult = {
  sizeBytes,
  consistentIndex: readUint64(reader.get("meta", INDEX_KEY)),
  consistentTerm: readUint64(reader.get("meta", TERM_KEY)),
};
parentPort!.postMessage(result);
