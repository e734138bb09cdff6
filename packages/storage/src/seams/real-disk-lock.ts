import fs from "node:fs";
import { DiskError, type DiskLock } from "./disk.ts";
import { type LockOutcome, lockHolder, takeFlock, takeWholeFileLock } from "./kernel-locks.ts";

/**
 * Holds a lock file, which is made if absent, by a `flock`. Where there is none to be had, the process named in the file
 * is asked for: it holds the lock if a process with that ID and start time runs on this boot of the machine. (That
 * weaker form cannot see into other containers.)
 */
export async function lockFile(path: string): Promise<DiskLock> {
  const fd = open(path, fs.constants.O_RDWR | fs.constants.O_CREAT);
  const { dev, ino } = fs.fstatSync(fd);
  const key = `${dev}:${ino}`;
  // The process named in the file does not tell two members of one process apart.
  if (heldHere.has(key)) {
    fs.closeSync(fd);
    throw lockedError(path, process.pid);
  }
  heldHere.add(key);
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    fs.closeSync(fd);
    heldHere.delete(key);
  };
  try {
    const holder = readHolder(fd);
    if (takeFlock(fd) === "held") throw lockedError(path, pidOf(holder));
    // Also with a lock of the kernel's: whoever wrote its ID into the file may have had to do without one.
    if (isRunning(holder)) throw lockedError(path, pidOf(holder));
    fs.ftruncateSync(fd, 0);
    fs.writeSync(fd, describe(process.pid), 0);
  } catch (error) {
    release();
    throw error;
  }
  return {
    release: async () => {
      if (released) return;
      fs.ftruncateSync(fd, 0);
      release();
    },
  };
}

/**
 * Holds an existing file by all the locks that etcd may take on it. Where the file system has none, it is not held:
 * whoever calls this holds a lock file, too.
 */
export async function lockExistingFile(path: string): Promise<DiskLock> {
  const fd = open(path, fs.constants.O_RDWR);
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    fs.closeSync(fd);
  };
  try {
    for (const take of [takeWholeFileLock, takeFlock]) {
      const outcome: LockOutcome = take(fd);
      if (outcome === "held") throw lockedError(path, lockHolder(fd));
    }
  } catch (error) {
    release();
    throw error;
  }
  return { release: async () => release() };
}

/** What `path` being held by somebody else means; says what to do. */
export function lockedError(path: string, pid: number | undefined): DiskError {
  const holder =
    pid === undefined ? "another process" : pid === process.pid ? "this process" : `process ${pid}`;
  return new DiskError(
    "LOCKED",
    path,
    `${path} is locked by ${holder}: another member uses this directory; stop that one first, ` +
      "or give this one a --data-dir and --wal-dir of its own",
  );
}

const heldHere = new Set<string>();

function open(path: string, flags: number): number {
  try {
    return fs.openSync(path, flags, 0o600);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new DiskError(code === "ENOENT" ? "NOT_FOUND" : "IO", path, `${path}: ${message}`, {
      cause: error,
    });
  }
}

/** "PID START BOOT" of the last holder; empty when it has let go. */
function readHolder(fd: number): string {
  const bytes = Buffer.alloc(256);
  return bytes.toString("latin1", 0, fs.readSync(fd, bytes, 0, bytes.length, 0)).trim();
}

function pidOf(holder: string): number | undefined {
  const pid = Number(holder.split(" ", 1)[0]);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

function isRunning(holder: string): boolean {
  const pid = pidOf(holder);
  // Locks of our own are known better.
  if (pid === undefined || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  // An ID is used again by a later process (after a restart of a container even at once): the start time tells.
  return holder === describe(pid);
}

/** "PID START BOOT"; the last two only where /proc tells them. */
function describe(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses and may hold anything, so count from its end.
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${pid} ${started} ${boot}`;
  } catch {
    return `${pid}`;
  }
}
