import type { LogIndex } from "@quorate/raft";
import { BboltBackend, type BboltBackendOptions } from "@quorate/storage/database/bbolt-backend";
import { adoptDatabase } from "@quorate/storage/database/database-names";
import type { Inspection } from "@quorate/storage/database/inspection";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Disk } from "@quorate/storage/seams/disk";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import { type FindDatabaseFault, lagFault, receivedDatabasePath } from "../snapshot/received-database.ts";
import { type Databases, storagePaths } from "./storage.ts";

interface DatabaseFilesOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Logger;
  /** A database that was open cannot keep its promises any more. */
  readonly onFatal: (error: Error) => void;
  /** Reads a received database whole. Unless given, from the machine's disk in a thread of its own: two seconds for each gigabyte. */
  readonly inspect?: (path: string) => Promise<Inspection>;
  /** What is not as in a member of a real machine. */
  readonly special?: Pick<BboltBackendOptions, "pageBytes" | "backlogWeight">;
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
    const { config, clock, disk, log, onFatal, special } = this.#options;
    const backend = await BboltBackend.open({
      ...special,
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

  readonly findReceivedFault: FindDatabaseFault = async (path, index) => {
    const { inspect = inspectInThread } = this.#options;
    const found = await inspect(path);
    if ("fault" in found) return found.fault;
    return lagFault(found.consistentIndex, index);
  };
}

async function inspectInThread(path: string): Promise<Inspection> {
  const { inspectDatabase } = await import("@quorate/storage/database/inspect-database");
  return inspectDatabase(path);
}
