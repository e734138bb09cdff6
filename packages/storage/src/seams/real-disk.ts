import fs from "node:fs";
import { RealDisk as DatabaseDisk, type File } from "@quorate/bbolt";
import {
  type Disk,
  DiskError,
  type DiskFailure,
  type DiskFile,
  type DiskLock,
  type OpenMode,
} from "./disk.ts";
import { lockHolder, takeFlock } from "./kernel-locks.ts";
import { lockExistingFile, lockedError, lockFile } from "./real-disk-lock.ts";

const { O_CREAT, O_RDONLY, O_RDWR } = fs.constants;
/** Absent on platforms whose kernels do not offer it (or where it does not reach the medium): there write, then sync. */
const O_DSYNC: number | undefined = process.platform === "linux" ? fs.constants.O_DSYNC : undefined;

const databases = new DatabaseDisk();

/** The machine's file system. All calls run on native threads. */
export class RealDisk implements Disk {
  async list(directory: string): Promise<string[]> {
    return (await guarded(directory, fs.promises.readdir(directory))).sort();
  }

  async exists(path: string): Promise<boolean> {
    try {
      await fs.promises.stat(path);
      return true;
    } catch (error) {
      const failure = toDiskError(path, error);
      if (failure.code === "NOT_FOUND") return false;
      throw failure;
    }
  }

  async makeDirectory(directory: string): Promise<void> {
    await guarded(directory, fs.promises.mkdir(directory, { recursive: true, mode: 0o700 }));
  }

  rename(from: string, to: string): Promise<void> {
    return guarded(from, fs.promises.rename(from, to));
  }

  async link(from: string, to: string): Promise<void> {
    try {
      await fs.promises.link(from, to);
    } catch (error) {
      if (!NO_LINKS.has(codeOf(error))) throw toDiskError(from, error);
      await guarded(from, copyDurably(from, to));
    }
  }

  remove(path: string): Promise<void> {
    return guarded(path, fs.promises.rm(path, { recursive: true, force: true }));
  }

  async syncDirectory(directory: string): Promise<void> {
    const handle = await guarded(directory, fs.promises.open(directory, O_RDONLY));
    try {
      await guarded(directory, handle.sync());
    } finally {
      await handle.close();
    }
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    const durable = mode === "durable";
    const flags = mode === "read" ? O_RDONLY : O_RDWR | O_CREAT | (durable ? (O_DSYNC ?? 0) : 0);
    return new Promise((resolve, reject) => {
      fs.open(path, flags, 0o600, (error, fd) => {
        if (error !== null) reject(toDiskError(path, error));
        else resolve(new RealFile(path, fd, durable && O_DSYNC === undefined));
      });
    });
  }

  async openDatabase(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const file = await guarded(path, databases.open(path, mode));
    try {
      if (mode === "write" && takeFlock(file.descriptor!) === "held")
        throw lockedError(path, lockHolder(file.descriptor!));
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  lock(path: string): Promise<DiskLock> {
    return lockFile(path);
  }

  lockExisting(path: string): Promise<DiskLock> {
    return lockExistingFile(path);
  }
}

class RealFile implements DiskFile {
  readonly path: string;
  readonly #fd: number;
  readonly #syncAfterWrite: boolean;
  #closed = false;

  constructor(path: string, fd: number, syncAfterWrite: boolean) {
    this.path = path;
    this.#fd = fd;
    this.#syncAfterWrite = syncAfterWrite;
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#fd, (error, stats) => {
        if (error !== null) reject(toDiskError(this.path, error));
        else resolve(stats.size);
      });
    });
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const step = (done: number): void => {
        fs.read(this.#fd, target, done, target.length - done, position + done, (error, count) => {
          if (error !== null) reject(toDiskError(this.path, error));
          else if (count === 0 || done + count === target.length) resolve(done + count);
          else step(done + count);
        });
      };
      step(0);
    });
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (done: number): void => {
        fs.write(this.#fd, bytes, done, bytes.length - done, position + done, (error, count) => {
          if (error !== null) reject(toDiskError(this.path, error));
          // A short write is how a disk that fills up says so first; the rest then fails with the reason.
          else if (done + count < bytes.length) step(done + count);
          else if (this.#syncAfterWrite) this.sync().then(resolve, reject);
          else resolve();
        });
      };
      step(0);
    });
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, (error) => {
        if (error !== null) reject(toDiskError(this.path, error));
        else resolve();
      });
    });
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#fd, size, (error) => {
        if (error !== null) reject(toDiskError(this.path, error));
        else resolve();
      });
    });
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve, reject) => {
      fs.close(this.#fd, (error) => {
        if (error) reject(toDiskError(this.path, error));
        else resolve();
      });
    });
  }
}

async function guarded<Result>(path: string, operation: Promise<Result>): Promise<Result> {
  try {
    return await operation;
  } catch (error) {
    throw toDiskError(path, error);
  }
}

const FAILURES: Readonly<Record<string, DiskFailure>> = {
  EEXIST: "EXISTS",
  ENOENT: "NOT_FOUND",
  ENOSPC: "FULL",
  EDQUOT: "FULL",
};

/** How file systems say that they do not have two names for a file. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "EOPNOTSUPP",
  "ENOTSUP",
  "ENOSYS",
  "EMLINK",
  "EXDEV",
]);

async function copyDurably(from: string, to: string): Promise<void> {
  await fs.promises.copyFile(from, to);
  const copy = await fs.promises.open(to, "r");
  try {
    await copy.sync();
  } finally {
    await copy.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function toDiskError(path: string, error: unknown): DiskError {
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  return new DiskError(FAILURES[code] ?? "IO", path, `${path}: ${text}`, { cause: error });
}
