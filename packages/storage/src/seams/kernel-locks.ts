import fs from "node:fs";
import os from "node:os";

/** `unsupported`: the kernel, the file system or the runtime offers no such lock. */
export type LockOutcome = "taken" | "held" | "unsupported";

/**
 * Takes a `flock` on an open file, without waiting; shared ones keep out exclusive ones only. It belongs to this opening of the file: closing it (or the
 * end of the process, in whatever way) drops the lock, and another opening within this process is kept out, too.
 * Throws when the kernel reports a fault.
 */
export function takeFlock(fd: number, kind: "exclusive" | "shared" = "exclusive"): LockOutcome {
  const kernel = kernelCalls();
  if (kernel === undefined) return "unsupported";
  const operation = kind === "shared" ? LOCK_SH : LOCK_EX;
  return kernel.outcome(kernel.flock(fd, operation | LOCK_NB), "flock");
}

/** As `takeFlock`, of the kind that etcd takes on its log's segments; the file must be open for writing. Only on Linux. */
export function takeWholeFileLock(fd: number): LockOutcome {
  const kernel = kernelCalls();
  if (kernel?.fcntl === undefined) return "unsupported";
  const wholeFile = new Uint8Array(FLOCK_STRUCT_BYTES);
  new DataView(wholeFile.buffer).setInt16(0, F_WRLCK, true);
  return kernel.outcome(kernel.fcntl(fd, F_OFD_SETLK, wholeFile), "fcntl");
}

/** Which process holds a lock on the open file, as far as the kernel tells. */
export function lockHolder(fd: number): number | undefined {
  try {
    const { dev, ino } = fs.fstatSync(fd, { bigint: true });
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    const device = [major, minor].map((part) => part.toString(16).padStart(2, "0")).join(":");
    // "1: FLOCK  ADVISORY  WRITE 4711 fe:00:9980995 0 EOF"; -1 instead of a process where the lock is not one process's.
    for (const line of fs.readFileSync("/proc/locks", "latin1").split("\n")) {
      const fields = line.split(/\s+/);
      const pid = Number(fields[4]);
      if (fields[5] === `${device}:${ino}` && pid > 0) return pid;
    }
  } catch {
    // Not Linux, or no /proc.
  }
  return undefined;
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
/** `struct flock` on 64-bit Linux: type and whence (16 bits each), start, length, process. Zeros mean the whole file. */
const FLOCK_STRUCT_BYTES = 32;

const { EACCES, EAGAIN, EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP } = os.constants.errno;
const HELD_ERRORS: ReadonlySet<number> = new Set([EACCES, EAGAIN]);
const UNSUPPORTED_ERRORS: ReadonlySet<number> = new Set([EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP]);

interface KernelCalls {
  flock(fd: number, operation: number): number;
  readonly fcntl: ((fd: number, command: number, argument: Uint8Array) => number) | undefined;
  outcome(result: number, call: string): LockOutcome;
}

let loaded: { readonly calls: KernelCalls | undefined } | undefined;

function kernelCalls(): KernelCalls | undefined {
  loaded ??= { calls: loadKernelCalls() };
  return loaded.calls;
}

/** Two or three milliseconds. undefined where the runtime cannot call native functions. */
function loadKernelCalls(): KernelCalls | undefined {
  const isLinux = process.platform === "linux" && process.arch.endsWith("64");
  if (!isLinux && process.platform !== "darwin") return undefined;
  const errnoLocation = isLinux ? "__errno_location" : "__error";
  try {
    const ffi = withoutWarnings(() => process.getBuiltinModule("node:ffi"));
    if (ffi === undefined) return undefined;
    const library = new ffi.DynamicLibrary(null);
    const flock = library.getFunction("flock", { arguments: ["i32", "i32"], return: "i32" });
    const errno = library.getFunction(errnoLocation, { arguments: [], return: "pointer" });
    // Its third argument is a variable one, which macOS on ARM passes in another way.
    const fcntl = isLinux
      ? library.getFunction("fcntl", { arguments: ["i32", "i32", "pointer"], return: "i32" })
      : undefined;
    return {
      flock,
      fcntl,
      outcome(result, call) {
        if (result === 0) return "taken";
        const code = ffi.getInt32(errno(), 0);
        if (HELD_ERRORS.has(code)) return "held";
        if (UNSUPPORTED_ERRORS.has(code)) return "unsupported";
        throw new Error(`${call} failed with error ${code}`);
      },
    };
  } catch {
    return undefined;
  }
}

/** A program that has a member inside it is not to print that the runtime calls this module experimental. */
function withoutWarnings<Result>(load: () => Result): Result {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
