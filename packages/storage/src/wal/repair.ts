import type { Disk, DiskFile } from "../seams/disk.ts";
import { writeFile } from "../seams/whole-files.ts";

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
 * Cuts a torn write, which begins at byte `offset`, off the end of the last segment at `path`, after copying the segment
 * to `<name>.broken`.
 */
export async function repairSegment(disk: Disk, path: string, offset: number): Promise<WalRepair> {
  const file = await disk.open(path, "write");
  try {
    const brokenFile = `${path}.broken`;
    await copyFile(disk, file, brokenFile);
    await file.truncate(offset);
    await file.sync();
    return { file: path, brokenFile, offset };
  } finally {
    await file.close();
  }
}

/** The first `length` bytes, or all there are; durable when it resolves. */
export async function copyFile(
  disk: Disk,
  from: DiskFile,
  path: string,
  length = Number.POSITIVE_INFINITY,
): Promise<void> {
  await writeFile(disk, path, async (to) => {
    const buffer = new Uint8Array(COPY_BYTES);
    for (let offset = 0; ; ) {
      const count = await from.read(buffer.subarray(0, Math.min(COPY_BYTES, length - offset)), offset);
      if (count === 0) break;
      await to.write(buffer.subarray(0, count), offset);
      offset += count;
    }
  });
}
