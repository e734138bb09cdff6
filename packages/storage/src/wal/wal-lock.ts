import type { Disk, DiskLock } from "../seams/disk.ts";
import { listSegments } from "./recovery.ts";
import { SegmentLocks } from "./segment-locks.ts";

/** Other readers of a log's directory warn of foreign names, but not of those that end like this. */
const LOCK_FILE = "lock.tmp";

/**
 * Keeps a log's directory, wherever it is, to one member: by a lock file, which also guards a log that is just being
 * made, and by the locks that etcd's logs have on their segments.
 */
export class WalLock implements DiskLock {
  /** Those held for whoever opens the log, to which its own are added. */
  readonly segments: SegmentLocks;
  readonly #lockFile: DiskLock;

  /**
   * Makes the directory if need be. Changes nothing in it, not even a log that another program writes just now, and
   * throws a `DiskError` with code `LOCKED` when it is in use.
   */
  static async take(disk: Disk, directory: string): Promise<WalLock> {
    await disk.makeDirectory(directory);
    const lock = new WalLock(disk, await disk.lock(`${directory}/${LOCK_FILE}`));
    try {
      for (const { name, index } of await listSegments(disk, directory)) {
        await lock.segments.take(`${directory}/${name}`, index);
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  private constructor(disk: Disk, lockFile: DiskLock) {
    this.segments = new SegmentLocks(disk);
    this.#lockFile = lockFile;
  }

  /** Idempotent. */
  async release(): Promise<void> {
    await this.segments.releaseAll();
    await this.#lockFile.release();
  }
}
