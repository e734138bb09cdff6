import { spawn } from "node:child_process";
import fs from "node:fs";
import { DiskError, type DiskLock } from "./disk.ts";

/**
 * Holds a lock file exclusively. Node.js offers no flock, so the `flock` program (util-linux, busybox) takes it on
 * our open file: the lock belongs to the open file, not to the program, and the kernel drops it when this process
 * ends in whatever way. Where that program is absent, the process named in the file is asked for: it holds the lock
 * if a process with that ID and start time runs on this boot of the machine. (That weaker form cannot see into other
 * containers.)
 */
export async function lockFile(path: string): Promise<DiskLock> {
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    fs.closeSync(fd);
    heldHere.delete(key);
  };
  const { dev, ino } = fs.fstatSync(fd);
  const key = `${dev}:${ino}`;
  if (heldHere.has(key)) {
    fs.closeSync(fd);
    throw refused(path, describeSelf());
  }
  heldHere.add(key);
  try {
    const holder = readHolder(fd);
    const outcome = await flock(fd);
    if (outcome === "held") throw refused(path, holder);
    // Also where the program took the lock: whoever wrote its ID into the file may have had to do without it.
    if (isRunning(holder)) throw refused(path, holder);
    fs.ftruncateSync(fd, 0);
    fs.writeSync(fd, describeSelf(), 0);
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

/** Two members in one process: neither form of the lock tells our own process apart. */
const heldHere = new Set<string>();

function refused(path: string, holder: string): DiskError {
  const pid = holder.split(" ", 1)[0];
  const who = pid === "" || pid === undefined ? "another process" : `process ${pid}`;
  return new DiskError("LOCKED", path, `${path} is locked by ${who}: the data directory is in use`);
}

function flock(fd: number): Promise<"taken" | "held" | "absent"> {
  if (process.platform !== "linux") return Promise.resolve("absent");
  return new Promise((resolve) => {
    // Status 77 tells "somebody else holds it" apart from any failure of the program itself.
    const program = spawn("flock", ["-x", "-n", "-E", "77", "3"], {
      stdio: ["ignore", "ignore", "ignore", fd],
    });
    program.on("error", () => resolve("absent"));
    program.on("exit", (code) => resolve(code === 0 ? "taken" : code === 77 ? "held" : "absent"));
  });
}

function readHolder(fd: number): string {
  const bytes = Buffer.alloc(256);
  return bytes.toString("latin1", 0, fs.readSync(fd, bytes, 0, bytes.length, 0)).trim();
}

function isRunning(holder: string): boolean {
  const pid = Number(holder.split(" ", 1)[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  // Locks of our own are known better.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  // An ID is used again by a later process (after a restart of a container even at once): the start time tells.
  return holder === describe(pid);
}

function describeSelf(): string {
  return describe(process.pid);
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
