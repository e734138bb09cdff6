import { type Bucket, Database, DatabaseFileError, type Disk, type Snapshot } from "@quorate/bbolt";
import { TREE_NAMES } from "../backend/tree-names.ts";
import type { Clock } from "../seams/clock.ts";
import { nextTurn } from "../seams/waiting.ts";
import { LockedDisk } from "./locked-disk.ts";
import { StoredRevisions } from "./stored-revisions.ts";

/** The buckets that every database of etcd's has, in the order in which they lie in the file. */
const BUCKETS = TREE_NAMES.filter((name) => name !== "format");

export interface BboltFileOptions {
  readonly clock: Clock;
  /** Whether pages are read in mapped memory, where that is possible; unless given, they are. */
  readonly map?: boolean | undefined;
  /** Unless given, the machine's. */
  readonly disk?: Disk;
}

/** One database file, open: what is durable of it, and who still reads an older state. */
export class BboltFile {
  readonly database: Database;
  readonly revisions: StoredRevisions;
  #holds = 0;
  #onLastRelease: (() => void) | undefined;

  /**
   * Opens the file, or makes it. Throws `DatabaseFileError` when it is damaged or no database, and a `DiskError` when somebody
   * else holds it.
   */
  static async open(
    path: string,
    { clock, map, disk = new LockedDisk() }: BboltFileOptions,
  ): Promise<BboltFile> {
    const database = await Database.open(path, {
      disk,
      checksums: true,
      map,
      pause: () => nextTurn(clock),
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
      if (--this.#holds === 0) this.#onLastRelease?.();
    };
    return { snapshot, release };
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
}

async function makeBuckets(database: Database): Promise<void> {
  const { latest } = database;
  if (BUCKETS.every((name) => latest.bucket(name) !== undefined)) return;
  const tx = database.beginWrite();
  for (const name of BUCKETS) tx.createBucketIfAbsent(name);
  await tx.commit();
}
