import type { LogIndex } from "@quorate/raft";
import type { Disk, DiskLock } from "../seams/disk.ts";

/** The lock on one segment. */
export interface SegmentLock {
  /** The index in the segment's name; known only when it has one. */
  index: LogIndex | undefined;
  readonly lock: DiskLock;
}

/**
 * The locks on those segments of a log that may still be needed, as etcd holds them: a second member on the same
 * directory, whatever it is and wherever its data are, cannot open a log that is in use.
 */
export class SegmentLocks {
  readonly #disk: Disk;
  #held: SegmentLock[] = [];

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Locks the segment at `path`, newer than those held. Throws a `DiskError`, `LOCKED` when somebody else holds it. */
  async take(path: string, index: LogIndex | undefined): Promise<SegmentLock> {
    const held = { index, lock: await this.#disk.lockExisting(path) };
    this.#held.push(held);
    return held;
  }

  /** Lets go of the segments that hold nothing after `index`: all before the newest one that begins there or earlier. */
  async releaseTo(index: LogIndex): Promise<void> {
    const firstNeeded = this.#held.findLastIndex((held) => held.index !== undefined && held.index <= index);
    for (const { lock } of this.#held.splice(0, Math.max(0, firstNeeded))) await lock.release();
  }

  /** Idempotent. */
  async releaseAll(): Promise<void> {
    for (const { lock } of this.#held.splice(0)) await lock.release();
  }
}
