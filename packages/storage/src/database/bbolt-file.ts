import { crc32 } from "@node-rs/crc32";
import {
  type Bucket,
  Database,
  DatabaseFileError,
  type Disk,
  type Scrubbed,
  type Snapshot,
} from "@quorate/bbolt";
import { BUCKET_NAMES } from "../backend/bucket-names.ts";
import type { Clock } from "../seams/clock.ts";
import { nextTurn } from "../seams/waiting.ts";
import type { DatabaseDisk } from "./database-disk.ts";
import { FORMAT_HEAD_BYTES, formerFormatFault } from "./former-format.ts";
import { StoredRevisions } from "./stored-revisions.ts";

export interface BboltFileOptions {
  readonly clock: Clock;
  /** Whether pages are read in mapped memory, where that is possible; unless given, they are. */
  readonly map?: boolean | undefined;
  /** Of a file that is made; unless given, 4,096. */
  readonly pageBytes?: number | undefined;
  readonly disk: DatabaseDisk;
}

/** One database file, open: what is durable of it, and who still reads an older state. */
export class BboltFile {
  readonly database: Database;
  readonly revisions: StoredRevisions;
  #holds = 0;
  #onLastRelease: (() => void) | undefined;

  /**
   * Opens the file, or makes it. Throws `DatabaseFileError` when it is damaged or no database, a `DiskError` when somebody
   * else holds it, and what `formerFormatFault` says of one that an earlier version has written.
   */
  static async open(path: string, { clock, map, pageBytes, disk }: BboltFileOptions): Promise<BboltFile> {
    const options = { disk, checksums: true, crc32, map, pageBytes, pause: () => nextTurn(clock) };
    const database = await Database.open(path, options).catch(async (error: unknown) => {
      if (error instanceof DatabaseFileError) await refuseFormerFormat(disk, path);
      throw error;
    });
    try {
      await makeBuckets(database);
      return new BboltFile(database);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(database: Database) {
    this.database = database;
    this.revisions = new StoredRevisions(database);
  }

  /** In the last durable state; good for this turn of the loop. */
  table(name: string): Bucket {
    const bucket = this.database.latest.bucket(name);
    if (bucket === undefined) throw new DatabaseFileError(this.database.path, 0, 0, `no bucket ${name}`);
    return bucket;
  }

  /** Bytes of pages that the last durable state refers to. */
  get sizeInUseBytes(): number {
    const { sizeBytes, freeBytes, pendingBytes } = this.database;
    return sizeBytes - freeBytes - pendingBytes;
  }

  /** The last durable state as the bytes of a file. The file is not closed before it is released. */
  hold(): { readonly snapshot: Snapshot; readonly release: () => void } {
    const snapshot = this.database.beginSnapshot();
    this.#holds++;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      snapshot.release();
      this.#letGo();
    };
    return { snapshot, release };
  }

  /** As `Database.scrub`. The file is not closed before it has ended. */
  async scrub(mostBytes: number, pause: () => Promise<void>): Promise<Scrubbed> {
    this.#holds++;
    try {
      return await this.database.scrub(mostBytes, pause);
    } finally {
      this.#letGo();
    }
  }

  /**
   * After the last commit. Waits until nothing is held. `storeFreelist`: leaves the list of free pages in the file, so that
   * whoever opens it next need not look for them.
   */
  async close({ storeFreelist = false }: { readonly storeFreelist?: boolean } = {}): Promise<void> {
    if (this.#holds > 0) {
      await new Promise<void>((resolve) => {
        this.#onLastRelease = resolve;
      });
    }
    try {
      if (storeFreelist && !this.database.hasStoredFreelist) {
        await this.database.beginWrite().commit({ storeFreelist: true });
      }
    } finally {
      await this.database.close();
    }
  }

  #letGo(): void {
    if (--this.#holds === 0) this.#onLastRelease?.();
  }
}

async function refuseFormerFormat(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, "read");
  try {
    const head = new Uint8Array(FORMAT_HEAD_BYTES);
    const fault = formerFormatFault(path, head.subarray(0, file.readSync(head, 0)));
    if (fault !== undefined) throw new Error(fault);
  } finally {
    await file.close();
  }
}

async function makeBuckets(database: Database): Promise<void> {
  const { latest } = database;
  if (BUCKET_NAMES.every((name) => latest.bucket(name) !== undefined)) return;
  const tx = database.beginWrite();
  for (const name of BUCKET_NAMES) tx.createBucketIfAbsent(name);
  await tx.commit();
}
