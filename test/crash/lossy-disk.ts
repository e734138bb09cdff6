/** Builds the lossy disk, and takes away what was not synced when the process was killed. See lossy-disk.c. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { cacheDir, type Found, which } from "@quorate/testkit/etcd";
import type { SeededRandom } from "@quorate/testkit/random";

const RECORD_BYTES = 56;
const SECTOR_BYTES = 512;

export function buildLossyDisk(): Found<string> {
  if (process.platform !== "linux") return { missing: "the lossy disk is a preloaded library of Linux" };
  const source = path.join(import.meta.dirname, "lossy-disk.c");
  const digest = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const library = path.join(cacheDir, `lossy-disk-${digest}.so`);
  if (existsSync(library)) return { found: library };
  const compiler = which("cc") ?? which("gcc") ?? which("clang");
  if (compiler === undefined) return { missing: "no C compiler for lossy-disk.c" };
  mkdirSync(cacheDir, { recursive: true });
  const args = ["-O2", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"];
  const build = spawnSync(compiler, args, { encoding: "utf8" });
  return build.status === 0
    ? { found: library }
    : { missing: `lossy-disk.c does not compile: ${build.stderr}` };
}

interface Write {
  readonly sequence: number;
  readonly offset: number;
  readonly oldSize: number;
  readonly before: Buffer;
  readonly after: Buffer;
  readonly durable: boolean;
}

/** A file, by its inode and the nanosecond of its birth. */
type FileKey = string;

const keyOf = (inode: bigint, birth: bigint): FileKey => `${inode} ${birth}`;

/** The writes of each file that no sync covers. A record cut short by the kill is ignored. */
function unsyncedWrites(journal: Buffer): { files: Map<FileKey, Write[]>; writes: number; syncs: number } {
  const files = new Map<FileKey, Write[]>();
  let writes = 0;
  let syncs = 0;
  let at = 0;
  while (at + RECORD_BYTES <= journal.length) {
    const kind = journal.readUInt32LE(at);
    const oldLength = journal.readUInt32LE(at + 4);
    const newLength = journal.readUInt32LE(at + 8);
    const file = keyOf(journal.readBigUInt64LE(at + 16), journal.readBigUInt64LE(at + 24));
    const sequence = Number(journal.readBigUInt64LE(at + 32));
    const offset = Number(journal.readBigUInt64LE(at + 40));
    const oldSize = Number(journal.readBigUInt64LE(at + 48));
    const body = at + RECORD_BYTES;
    const end = body + oldLength + newLength;
    if (end > journal.length) break;
    const known = files.get(file) ?? [];
    if (kind === 2) {
      syncs += 1;
      files.set(
        file,
        known.filter((write) => write.sequence >= sequence),
      );
    } else {
      writes += 1;
      const before = journal.subarray(body, body + oldLength);
      known.push({
        sequence,
        offset,
        oldSize,
        before,
        after: journal.subarray(end - newLength, end),
        durable: kind === 3,
      });
      files.set(file, known);
    }
    at = end;
  }
  return { files, writes, syncs };
}

export interface Loss {
  readonly writes: number;
  readonly syncs: number;
  readonly unsynced: number;
  readonly dropped: number;
  readonly torn: number;
}

/** The files below `directory` that are left, by their keys. */
function filesBelow(directory: string): Map<FileKey, string> {
  const found = new Map<FileKey, string>();
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const { ino, birthtimeNs } = statSync(file, { bigint: true });
    found.set(keyOf(ino, birthtimeNs), file);
    // Where the file system does not know when a file was born.
    found.set(keyOf(ino, 0n), file);
  }
  return found;
}

/**
 * Rewrites the files of a killed process that lie below `directory`: each unsynced write is kept, dropped, or kept in some of
 * its sectors.
 */
export function loseUnsynced(journalFile: string, directory: string, random: SeededRandom): Loss {
  if (!existsSync(journalFile)) return { writes: 0, syncs: 0, unsynced: 0, dropped: 0, torn: 0 };
  const { files, writes, syncs } = unsyncedWrites(readFileSync(journalFile));
  let unsynced = 0;
  let dropped = 0;
  let torn = 0;
  const left = filesBelow(directory);
  for (const [key, lost] of files) {
    const file = left.get(key);
    if (lost.length === 0 || file === undefined) continue;
    const fd = openSync(file, "r+");
    const sizeAtEnd = fstatSync(fd).size;
    for (const write of lost.toReversed()) {
      if (write.before.length > 0) writeSync(fd, write.before, 0, write.before.length, write.offset);
      const fresh = write.after.length - write.before.length;
      // What lay beyond the end of the file reads as zeros.
      if (fresh > 0) writeSync(fd, Buffer.alloc(fresh), 0, fresh, write.offset + write.before.length);
    }
    let size = lost[0]!.oldSize;
    // Some power cuts keep everything of a file, some nothing; most are in between.
    const keep = random.pick([0, 0.3, 0.7, 1]);
    for (const write of lost) {
      unsynced += write.durable ? 0 : 1;
      if (write.durable || random.chance(keep)) {
        writeSync(fd, write.after, 0, write.after.length, write.offset);
        size = Math.max(size, write.offset + write.after.length);
      } else if (random.chance(0.5)) {
        torn += 1;
        for (let at = 0; at < write.after.length; ) {
          const length = Math.min(
            SECTOR_BYTES - ((write.offset + at) % SECTOR_BYTES),
            write.after.length - at,
          );
          if (random.chance(0.5)) {
            writeSync(fd, write.after, at, length, write.offset + at);
            size = Math.max(size, write.offset + at + length);
          }
          at += length;
        }
      } else dropped += 1;
    }
    ftruncateSync(fd, Math.min(size, sizeAtEnd));
    closeSync(fd);
  }
  return { writes, syncs, unsynced, dropped, torn };
}
