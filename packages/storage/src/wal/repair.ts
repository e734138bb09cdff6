import type { Disk, DiskFile } from "../seams/disk.ts";
import { readSegment } from "./segment-reader.ts";

const COPY_BYTES = 1024 * 1024;

export interface WalRepair {
  /** The segment that was cut. */
  readonly file: string;
  /** A copy of it as it was. */
  readonly brokenFile: string;
  /** Its new end, in bytes. */
  readonly offset: number;
}

/**
 * Cuts a torn write off the end of the last segment at `path`, after copying the segment to `<name>.broken`.
 * Throws `WalError` for any fault but a torn write; undefined when there is nothing to repair.
 */
export async function repairSegment(disk: Disk, path: string): Promise<WalRepair | undefined> {
  const file = await disk.open(path, "write");
  try {
    const end = await readSegment(file, { crc: 0, isLast: true, keepsViews: false, onRecord: ignore });
    if (end.torn === undefined) return undefined;
    const brokenFile = `${path}.broken`;
    await copyFile(disk, file, brokenFile);
    await file.truncate(end.offset);
    await file.sync();
    return { file: path, brokenFile, offset: end.offset };
  } finally {
    await file.close();
  }
}

function ignore(): void {}

/** The first `length` bytes, or all there are; durable when it resolves. */
export async function copyFile(
  disk: Disk,
  from: DiskFile,
  path: string,
  length = Number.POSITIVE_INFINITY,
): Promise<void> {
  const to = await disk.open(path, "write");
  try {
    await to.truncate(0);
    const buffer = new Uint8Array(COPY_BYTES);
    for (let offset = 0; ; ) {
      const count = await from.read(buffer.subarray(0, Math.min(COPY_BYTES, length - offset)), offset);
      if (count === 0) break;
      await to.write(buffer.subarray(0, count), offset);
      offset += count;
    }
    await to.sync();
  } finally {
    await to.close();
  }
}
