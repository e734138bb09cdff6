import { type Disk, DiskError, type DiskLock } from "@quorate/storage/seams/disk";
import { listSegments } from "@quorate/storage/wal/recovery";
import { Exit, ExitCode } from "../../command-line/exit.ts";

/**
 * Takes the locks that a member has on its files, as far as they are there, and makes none: no member starts on them until
 * they are released. Throws Exit when one runs there. (The lock of a database is taken where it is opened.)
 */
export async function holdDirectory(
  disk: Disk,
  dataDir: string,
  walDir: string,
  opened: AsyncDisposableStack,
): Promise<void> {
  const names = await listSegments(disk, walDir).catch((error: unknown) => {
    // What is not there is told of when it is read.
    if (error instanceof DiskError) return [];
    throw error;
  });
  const files = [
    `${dataDir}/member/lock`,
    `${walDir}/lock.tmp`,
    ...names.map(({ name }) => `${walDir}/${name}`),
  ];
  for (const file of files) {
    const lock = await takeLock(disk, file);
    if (lock !== undefined) opened.defer(() => lock.release());
  }
}

async function takeLock(disk: Disk, file: string): Promise<DiskLock | undefined> {
  try {
    return await disk.lockExisting(file);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    if (error.code === "NOT_FOUND") return undefined;
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
    // Where nobody can write no member runs.
    if (code === "EROFS" || code === "ENOTDIR") return undefined;
    if (error.code !== "LOCKED") throw error;
    const [who] = error.message.split(":");
    throw new Exit(ExitCode.ERROR, `${who}: stop the member that runs there first`);
  }
}
