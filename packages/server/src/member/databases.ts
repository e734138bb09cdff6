import type { LogIndex } from "@quorate/raft";
import { BboltBackend } from "@quorate/storage/database/bbolt-backend";
import { adoptDatabase } from "@quorate/storage/database/database-names";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Disk } from "@quorate/storage/seams/disk";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import { lagFault, receivedDatabasePath } from "../snapshot/received-database.ts";
import { type Databases, storagePaths } from "./storage.ts";

interface DatabaseFilesOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Logger;
  /** A database that was open cannot keep its promises any more. */
  readonly onFatal: (error: Error) => void;
}

/** The databases of a member as files of bbolt's, as etcd has them: nothing is converted. */
export class DatabaseFiles implements Databases {
  readonly #options: DatabaseFilesOptions;
  /** How many that were received have been opened, so that each has a name of its own. */
  #received = 0;

  constructor(options: DatabaseFilesOptions) {
    this.#options = options;
  }

  async open(path: string): Promise<Backend> {
    const { config, clock, disk, log, onFatal } = this.#options;
    const backend = await BboltBackend.open({
      path,
      clock,
      disk,
      batchLimit: config.backendBatchLimit,
      batchIntervalMs: config.backendBatchMs,
      onFatal,
    });
    const { opening } = backend;
    if (opening?.freelist === "made" || opening?.checksums === "made") {
      log.info("went over the database file, as its free pages or checksums were not stored", {
        path,
        ...opening,
      });
    }
    return backend;
  }

  /** The received file stays: whoever asks removes it once the member has become its content. */
  importReceived(index: LogIndex, path: string): Promise<void> {
    const { config, disk } = this.#options;
    return adoptDatabase(disk, receivedDatabasePath(storagePaths(config).snap, index), path);
  }

  async openReceived(index: LogIndex): Promise<Backend> {
    const path = `${storagePaths(this.#options.config).database}.tmp.received.${this.#received++}`;
    await this.importReceived(index, path);
    return this.open(path);
  }

  findReceivedFault(path: string, index: LogIndex): Promise<string | undefined> {
    return findFault(path, index);
  }
}

/** See `FindDatabaseFault`. All of the file is read, in a thread of its own: half a second for each gigabyte. */
async function findFault(path: string, index: LogIndex): Promise<string | undefined> {
  const { inspectDatabase } = await import("@quorate/storage/backend/inspect-database");
  const found = await inspectDatabase(path);
  if ("fault" in found) return found.fault;
  return lagFault(found.consistentIndex, index);
}
