import { type FileHandle, open, rm } from "node:fs/promises";
import type { LogIndex, Term } from "@quorate/raft";
import type { DatabaseExport } from "../seams/backend.ts";
import type { ExportResult, ExportTask } from "./export-worker.ts";
import type { HeldState } from "./lmdb-file.ts";
import { runWorker } from "./run-worker.ts";

const CHUNK_BYTES = 128 << 10;
const WORKER = new URL("./export-worker.ts", import.meta.url);

/**
 * Writes what is held as a bbolt file, in a thread of its own. The file has no name by the time it is there, so that
 * whatever ends the process leaves nothing; `temporaryPath` is where it begins.
 */
export async function exportState(
  held: HeldState,
  temporaryPath: string,
  signal: AbortSignal,
): Promise<DatabaseExport> {
  const output = await open(temporaryPath, "wx+", 0o600);
  try {
    await rm(temporaryPath);
    const { path, fd, meta } = held;
    const task: ExportTask = { path, fd, meta, outputFd: output.fd };
    const result = await runWorker<ExportResult>(WORKER, task, signal);
    return new ExportedFile(output, result);
  } catch (error) {
    await output.close();
    throw error;
  }
}

class ExportedFile implements DatabaseExport {
  readonly sizeBytes: number;
  readonly consistentIndex: LogIndex;
  readonly consistentTerm: Term;
  readonly #file: FileHandle;
  #released: Promise<void> | undefined;

  constructor(file: FileHandle, result: ExportResult) {
    this.#file = file;
    this.sizeBytes = result.sizeBytes;
    this.consistentIndex = result.consistentIndex;
    this.consistentTerm = result.consistentTerm;
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let position = 0; position < this.sizeBytes; ) {
      if (this.#released !== undefined) throw new Error("the export was released");
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, this.sizeBytes - position));
      for (let done = 0; done < chunk.length; ) {
        const { bytesRead } = await this.#file.read(chunk, done, chunk.length - done, position + done);
        if (bytesRead === 0) throw new Error("the exported file is shorter than it was written");
        done += bytesRead;
      }
      position += chunk.length;
      yield chunk;
    }
  }

  release(): Promise<void> {
    this.#released ??= this.#file.close();
    return this.#released;
  }
}
