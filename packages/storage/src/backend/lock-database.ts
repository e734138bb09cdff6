import { lockHolder, takeFlock } from "../seams/kernel-locks.ts";
import { lockedError } from "../seams/real-disk-lock.ts";

/**
 * Holds a database file, opened as `fd`, until that is closed, by the lock that bbolt takes on its files: an etcd and we
 * keep each other out. Throws a `DiskError` with code `LOCKED` when somebody else has it.
 */
export function lockDatabase(path: string, fd: number): void {
  if (takeFlock(fd) === "held") throw lockedError(path, lockHolder(fd));
}
