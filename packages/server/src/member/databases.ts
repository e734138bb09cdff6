import type { LogIndex } from "@quorate/raft";
import { isLmdb } from "@quorate/storage/backend/is-lmdb";
import { LmdbBackend } from "@quorate/storage/backend/lmdb-backend";
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

/** The databases of a member as files of bbolt's; one of LMDB's, which releases before made, stays what it is. */
export function databaseFiles(
  options: DatabaseFilesOptions,
  kind: string | undefined = process.env.QUORATE_BACKEND,
): Databases {
  const isOfLmdb = kind === "lmdb" || isLmdb(storagePaths(options.config).database);
  return isOfLmdb ? new LmdbDatabases(options) : new BboltDatabases(options);
}

/** How many databases that were received have been opened, so that each has a name of its own. */
let receivedFiles = 0;

/** The databases of a member as files of bbolt's, as etcd has them: nothing is converted. */
class BboltDatabases implements Databases {
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

/** The databases of a member as files of LMDB's. What converts them is loaded when it is needed: most members never do. */
class LmdbDatabases implements Databases {
  readonly #options: DatabaseFilesOptions;

  constructor(options: DatabaseFilesOptions) {
    this.#options = options;
  }

  /** A data directory of etcd's has everything as we have it but for the format of the database. */
  async open(path: string): Promise<Backend> {
    const { disk, log } = this.#options;
    if (await disk.exists(path)) {
      const { importIfBbolt } = await import("@quorate/storage/backend/import-database");
      const adopted = await importIfBbolt(path);
      if (adopted !== undefined) log.info("imported the database of an etcd member", { ...adopted });
    }
    return this.#open(path);
  }

  /** The received file stays: whoever asks removes it once the member has become its content. */
  async importReceived(index: LogIndex, path: string): Promise<void> {
    const { importDatabase } = await import("@quorate/storage/backend/import-database");
    await importDatabase(receivedDatabasePath(storagePaths(this.#options.config).snap, index), path);
  }

  async openReceived(index: LogIndex): Promise<Backend> {
    const { temporaryDatabasePath } = await import("@quorate/storage/backend/import-database");
    const path = temporaryDatabasePath(storagePaths(this.#options.config).database);
    await this.importReceived(index, path);
    return this.#open(path);
  }

  findReceivedFault(path: string, index: LogIndex): Promise<string | undefined> {
    return findFault(path, index);
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

/** See `FindDatabaseFault`. All of the file is read, in a thread of its own: half a second for each gigabyte. */
async function findFault(path: string, index: LogIndex): Promise<string | undefined> {
  const { inspectDatabase } = await import("@quorate/storage/backend/inspect-database");
  const found = await inspectDatabase(path);
  if ("fault" in found) return found.fault;
  return lagFault(found.consistentIndex, index);
}
