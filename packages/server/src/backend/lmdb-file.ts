import { closeSync, existsSync, openSync } from "node:fs";
import { BackendCorruptionError } from "./corruption.ts";
import { LmdbEnvironment } from "./lmdb-environment.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import { checkStructure } from "./structure-check.ts";

/** One database file, open: LMDB writes it, we read it. */
export class LmdbFile {
  readonly environment: LmdbEnvironment;
  readonly reader: SnapshotReader;
  readonly #fd: number;

  /** Opens the file or creates it. Throws `BackendCorruptionError` when it is damaged, before LMDB has seen it. */
  static async open(path: string): Promise<LmdbFile> {
    const expected = existsSync(path) ? checkStructure(path) : undefined;
    const environment = new LmdbEnvironment(path);
    try {
      // Before the first flush there is no state to go back to after a crash.
      await environment.sync();
      const file = new LmdbFile(path, environment);
      const { txnId } = file.reader.snapshot;
      if (expected !== undefined && txnId < expected) {
        throw new BackendCorruptionError(path, 0, `opened at transaction ${txnId}, not ${expected}`);
      }
      return file;
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  private constructor(path: string, environment: LmdbEnvironment) {
    this.environment = environment;
    this.#fd = openSync(path, "r");
    this.reader = new SnapshotReader(path, this.#fd);
    this.reader.renew();
  }

  /** After the last transaction is done. */
  async close(): Promise<void> {
    await this.environment.close();
    closeSync(this.#fd);
  }
}
