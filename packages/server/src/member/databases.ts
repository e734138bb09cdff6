import { LmdbBackend } from "../backend/lmdb-backend.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import type { Backend } from "../seams/backend.ts";
import type { Clock } from "../seams/clock.ts";
import type { Disk } from "../seams/disk.ts";
import { lagFault, receivedDatabasePath } from "../snapshot/received-database.ts";
import { type Databases, storagePaths } from "./storage.ts";

export interface DatabaseFilesOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Logger;
  /** A database that was open cannot keep its promises any more. */
  readonly onFatal: (error: Error) => void;
}

/** The databases of a member as files. What converts them is loaded when it is needed: most members never do. */
export class DatabaseFiles implements Databases {
  readonly #options: DatabaseFilesOptions;

  constructor(options: DatabaseFilesOptions) {
    this.#options = options;
  }

  /** A data directory of etcd's has everything as we have it but for the format of the database. */
  async open(path: string): Promise<Backend> {
    const { disk, log } = this.#options;
    if (await disk.exists(path)) {
      const { importIfBbolt } = await import("../backend/import-database.ts");
      const adopted = await importIfBbolt(path);
      if (adopted !== undefined) log.info("imported the database of an etcd member", { ...adopted });
    }
    return this.#open(path);
  }

  /** The received file stays: whoever asks removes it once the member has become its content. */
  async importReceived(index: number, path: string): Promise<void> {
    const { importDatabase } = await import("../backend/import-database.ts");
    await importDatabase(receivedDatabasePath(storagePaths(this.#options.config).snap, index), path);
  }

  async openReceived(index: number): Promise<Backend> {
    const { temporaryDatabasePath } = await import("../backend/import-database.ts");
    const path = temporaryDatabasePath(storagePaths(this.#options.config).database);
    await this.importReceived(index, path);
    return this.#open(path);
  }

  /** See `FindDatabaseFault`. All of the file is read, in a thread of its own: half a second for each gigabyte. */
  async findReceivedFault(path: string, index: number): Promise<string | undefined> {
    const { inspectDatabase } = await import("../backend/inspect-database.ts");
    const found = await inspectDatabase(path);
    if ("fault" in found) return found.fault;
    return lagFault(found.consistentIndex, index);
  }

  #open(path: string): Promise<Backend> {
    const { config, clock, onFatal } = this.#options;
    return LmdbBackend.open({
      path,
      clock,
      batchLimit: config.backendBatchLimit,
      batchIntervalMs: config.backendBatchMs,
      onFatal,
    });
  }
}
