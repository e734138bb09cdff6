import type { File } from "@quorate/bbolt";

/**
 * The only way in which the log, the `.snap` files and the databases touch storage. Paths are absolute or relative to the
 * process, with `/`. Nothing here waits on the event loop: every call runs elsewhere and answers with a promise.
 *
 * What a crash leaves, and what callers may rely on:
 * - bytes written are durable once `sync` (or a durable file's `write`) has resolved; before that any subset of the
 *   512-byte sectors they touch may have reached the disk;
 * - a name (made, renamed or removed) is durable once `syncDirectory` of its directory has resolved;
 * - a rename is atomic: afterwards there is the old or the new state, never neither.
 */
export interface Disk {
  /** Names in the directory, sorted by code unit. `NOT_FOUND` when there is no such directory. */
  list(directory: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** With its parents, mode 0700. An existing directory is fine. */
  makeDirectory(directory: string): Promise<void>;
  /** Atomic; replaces a file called `to`. Both names lie in the same directory. */
  rename(from: string, to: string): Promise<void>;
  /**
   * Gives the file `from` a second name in the same directory, which nobody has; where there are no second names, a durable copy of it.
   * A rename from one name of a file to another one does nothing.
   */
  link(from: string, to: string): Promise<void>;
  /** A file, or a directory with everything in it; an absent name is fine. */
  remove(path: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /**
   * A file in the way in which a database uses it. `read`: an existing file. `write`: to read and write, made when absent, and held
   * until it is closed by the lock that bbolt has on its files: `LOCKED` when somebody else has it, and nothing was changed.
   * `create`: to read and write, emptied, and not held.
   */
  openDatabase(path: string, mode: "read" | "write" | "create"): Promise<File>;
  /**
   * Holds the lock file `path`, which is made if absent, exclusively until the lock is released or the process ends,
   * however it ends. `LOCKED` when somebody else holds it, also in this process.
   */
  lock(path: string): Promise<DiskLock>;
  /**
   * Holds an existing file likewise, against all programs that lock such files as etcd does, and without changing it.
   * The lock is the file's, whatever its name becomes. `NOT_FOUND` when there is no such file.
   */
  lockExisting(path: string): Promise<DiskLock>;
}

/**
 * `read`: an existing file, only to read. `write`: to read and write, made (mode 0600) when absent.
 * `durable`: as `write`, and each write is on the disk when its promise resolves: one trip to a native thread
 * where `write` + `sync` take two, which is what a single waiting client feels.
 */
export type OpenMode = "read" | "write" | "durable";

/** An open file. Concurrent operations on ranges that do not overlap are allowed. */
export interface DiskFile {
  readonly path: string;
  size(): Promise<number>;
  /** Fills `target` from byte `position` on; returns how many bytes there were, less than asked only at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Borrows `bytes` until the promise settles. A gap before `position` reads as zeros. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** All bytes written so far, and the size, become durable. After a failure nothing is known of any of them. */
  sync(): Promise<void>;
  /** Cuts, or extends with zeros that occupy no space. */
  truncate(size: number): Promise<void>;
  /** Idempotent. Does not sync. */
  close(): Promise<void>;
}

export interface DiskLock {
  /** Idempotent. */
  release(): Promise<void>;
}

export type DiskFailure = "CRASHED" | "EXISTS" | "FULL" | "IO" | "LOCKED" | "NOT_FOUND";

export class DiskError extends Error {
  readonly code: DiskFailure;
  readonly path: string;

  constructor(code: DiskFailure, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DiskError";
    this.code = code;
    this.path = path;
  }
}

/** Reads a whole file of at most `limitBytes`; `IO` when it is larger. Returns an owned copy. */
export async function readFile(disk: Disk, path: string, limitBytes: number): Promise<Uint8Array> {
  const file = await disk.open(path, "read");
  try {
    const size = await file.size();
    if (size > limitBytes) throw new DiskError("IO", path, `${path}: ${size} bytes, more than ${limitBytes}`);
    const bytes = new Uint8Array(size);
    const count = await file.read(bytes, 0);
    return count === size ? bytes : bytes.subarray(0, count);
  } finally {
    await file.close();
  }
}

/** The last name of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The directory a path lies in; `.` for a bare name. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
}

/** A disk that does what `disk` does; for what of it is to be replaced. */
export function passedOn(disk: Disk): Disk {
  return {
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    open: (path, mode) => disk.open(path, mode),
    openDatabase: (path, mode) => disk.openDatabase(path, mode),
    lock: (path) => disk.lock(path),
    lockExisting: (path) => disk.lockExisting(path),
  };
}
