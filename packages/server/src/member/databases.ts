import type { LogIndex } from "@quorate/raft";
import { BboltBackend } from "@quorate/storage/database/bbolt-backend";
import { adoptDatabase } from "@quorate/storage/database/database-names";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import { lagFault, receivedDatabasePath } from "../snapshot/received-database.ts";
import { type Databases, storagePaths } from "./storage.ts";

interface DatabaseFilesOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** A database that was open cannot keep its promises any more. */
  readonly onFatal: (error: Error) => void;
}

/** How many databases that were received have been opened, so that each has a name of its own. */
let receivedFiles = 0;

/** The databases of a member as files of bbolt's, as etcd has them: nothing is converted. */
export class DatabaseFiles implements Databases {
  readonly #options: DatabaseFilesOptions;

  constructor(options: DatabaseFilesOptions) {
    this.#options = options;
  }

  async open(path: string): Promise<Backend> {
    const { config, clock, log, onFatal } = this.#options;
    const backend = await BboltBackend.open({
      path,
      clock,
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
    return adoptDatabase(receivedDatabasePath(storagePaths(this.#options.config).snap, index), path);
  }

  async openReceived(index: LogIndex): Promise<Backend> {
    const path = `${storagePaths(this.#options.config).database}.tmp.received.${receivedFiles++}`;
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
