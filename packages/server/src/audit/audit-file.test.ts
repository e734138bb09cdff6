import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import { type LogFields, type Logger, silentLogger } from "../log/logger.ts";
import { type AuditDisk, REAL_AUDIT_DISK } from "./audit-disk.ts";
import { AuditFile, type AuditFileOptions } from "./audit-file.ts";

const FLUSH_MS = 100;

function newPath(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-audit-file-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return path.join(directory, "audit.log");
}

async function open(file: string, options: Partial<AuditFileOptions> = {}) {
  const clock = new ManualClock();
  const audit = await AuditFile.open({
    path: file,
    flushMs: FLUSH_MS,
    maxBytes: 0,
    keptFiles: 2,
    disk: REAL_AUDIT_DISK,
    clock,
    log: silentLogger,
    ...options,
  });
  /** Lets the time pass after which a line is written, until all are. */
  const flushed = async (written: number) => {
    clock.advance(FLUSH_MS);
    await until(() => audit.counts.written === written);
  };
  return { audit, clock, flushed };
}

/** A disk that has room for so many bytes. */
function fullDisk(roomBytes: number): AuditDisk & { roomBytes: number } {
  const disk = {
    ...REAL_AUDIT_DISK,
    roomBytes,
    async open(file: string) {
      const opened = await REAL_AUDIT_DISK.open(file);
      const append = opened.append.bind(opened);
      opened.append = async (bytes) => {
        if (disk.roomBytes === 0) throw new Error("ENOSPC: no space left on device, write");
        const written = await append(bytes.subarray(0, disk.roomBytes));
        disk.roomBytes -= written;
        return written;
      };
      return opened;
    },
  };
  return disk;
}

test("lines are written together, when the interval is over and not before", async (t) => {
  const file = newPath(t);
  const { audit, clock, flushed } = await open(file);
  audit.append("one");
  audit.append("two");
  clock.advance(FLUSH_MS - 1);
  assert.equal(readFileSync(file, "utf8"), "");
  await flushed(2);
  assert.equal(readFileSync(file, "utf8"), "one\ntwo\n");
  audit.append("three");
  await audit.close();
  assert.equal(readFileSync(file, "utf8"), "one\ntwo\nthree\n");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  audit.append("four");
  assert.deepEqual(audit.counts, { written: 3, lost: 1, failedWrites: 0 });
});

test("a file is continued, and a line that was cut off stays by itself", async (t) => {
  const file = newPath(t);
  writeFileSync(file, '{"whole":1}\n{"cut o');
  const { audit } = await open(file);
  audit.append("next");
  await audit.close();
  assert.equal(readFileSync(file, "utf8"), '{"whole":1}\n{"cut o\nnext\n');
});

test("files that are full are put aside, and only so many are kept", async (t) => {
  const file = newPath(t);
  const { audit, flushed } = await open(file, { maxBytes: 10 });
  for (let i = 1; i <= 5; i++) {
    audit.append(`line ${i}`);
    await flushed(i);
  }
  await audit.close();
  const content = (suffix: string) => readFileSync(file + suffix, "utf8");
  assert.deepEqual(readdirSync(path.dirname(file)).sort(), ["audit.log", "audit.log.1", "audit.log.2"]);
  assert.deepEqual([content(""), content(".1"), content(".2")], ["line 5\n", "line 4\n", "line 3\n"]);
});

test("what fails while a file is put aside goes on where it failed: no file is shifted twice", async (t) => {
  const file = newPath(t);
  const failing = { opens: 0, renames: 0, closes: 0 };
  const fail = (what: keyof typeof failing) => {
    if (failing[what] === 0) return;
    failing[what]--;
    throw new Error(`EMFILE: too many open files, ${what}`);
  };
  const disk: AuditDisk = {
    async open(path) {
      fail("opens");
      const opened = await REAL_AUDIT_DISK.open(path);
      const close = opened.close.bind(opened);
      opened.close = async () => {
        await close();
        fail("closes");
      };
      return opened;
    },
    async rename(from, to) {
      if (from === file) fail("renames");
      await REAL_AUDIT_DISK.rename(from, to);
    },
  };
  const { audit, clock, flushed } = await open(file, { maxBytes: 10, keptFiles: 3, disk });
  for (let i = 1; i <= 3; i++) {
    audit.append(`line ${i}`);
    await flushed(i);
  }
  Object.assign(failing, { opens: 3, renames: 3, closes: 1 });
  audit.append("line 4");
  for (let failures = 1; failures <= 6; failures++) {
    clock.advance(1_000);
    await until(() => audit.counts.failedWrites === failures);
  }
  clock.advance(1_000);
  await until(() => audit.counts.written === 4);
  await audit.close();
  const content = ["", ".1", ".2", ".3"].map((suffix) => readFileSync(file + suffix, "utf8"));
  assert.deepEqual(content, ["line 4\n", "line 3\n", "line 2\n", "line 1\n"]);
  assert.deepEqual(audit.counts, { written: 4, lost: 0, failedWrites: 6 });
});

test("what is being written when a file is closed is written once, though the interval ends meanwhile", async (t) => {
  const file = newPath(t);
  const gate = Promise.withResolvers<void>();
  const disk: AuditDisk = {
    ...REAL_AUDIT_DISK,
    async open(path) {
      const opened = await REAL_AUDIT_DISK.open(path);
      const append = opened.append.bind(opened);
      opened.append = async (bytes) => {
        await gate.promise;
        return append(bytes);
      };
      return opened;
    },
  };
  const { audit, clock } = await open(file, { disk });
  audit.append("one");
  const closed = audit.close();
  await new Promise(setImmediate);
  clock.advance(FLUSH_MS);
  await new Promise(setImmediate);
  gate.resolve();
  await closed;
  assert.equal(readFileSync(file, "utf8"), "one\n");
  assert.deepEqual(audit.counts, { written: 1, lost: 0, failedWrites: 0 });
});

test("a full disk is warned of once, and when there is room no line is missing or cut off", async (t) => {
  const file = newPath(t);
  const disk = fullDisk(5);
  const warned: (LogFields | undefined)[] = [];
  const log: Logger = { ...silentLogger, warn: (_message, fields) => void warned.push(fields) };
  const { audit, clock } = await open(file, { disk, log });
  audit.append("first");
  audit.append("second");
  for (let failures = 1; failures <= 3; failures++) {
    clock.advance(1_000);
    await until(() => audit.counts.failedWrites === failures);
    audit.append(`after ${failures}`);
  }
  assert.equal(readFileSync(file, "utf8"), "first");
  assert.equal(warned.length, 1);
  assert.match(String(warned[0]!.error), /ENOSPC/);
  disk.roomBytes = 1_000;
  clock.advance(1_000);
  await until(() => audit.counts.written === 5);
  assert.equal(readFileSync(file, "utf8"), "first\nsecond\nafter 1\nafter 2\nafter 3\n");
  await audit.close();
  assert.deepEqual(audit.counts, { written: 5, lost: 0, failedWrites: 3 });
});

test("of what cannot be written only so much is kept: the rest is counted", async (t) => {
  const file = newPath(t);
  const { audit, clock } = await open(file, { disk: fullDisk(0) });
  const mebibyte = "x".repeat(2 ** 20 - 1);
  for (let i = 0; i < 20; i++) audit.append(mebibyte);
  assert.equal(audit.counts.lost, 4);
  clock.advance(FLUSH_MS);
  await until(() => audit.counts.failedWrites === 1);
  audit.append("one more");
  assert.equal(audit.counts.lost, 5);
  await audit.close();
  assert.deepEqual({ ...audit.counts, failedWrites: 0 }, { written: 0, lost: 21, failedWrites: 0 });
});

test("lines that matter less are left out first", async (t) => {
  const { audit } = await open(newPath(t), { disk: fullDisk(0) });
  const mebibyte = "x".repeat(2 ** 20 - 1);
  for (let i = 0; i < 10; i++) audit.append(mebibyte, true);
  assert.equal(audit.counts.lost, 2);
  for (let i = 0; i < 8; i++) audit.append(mebibyte);
  assert.equal(audit.counts.lost, 2);
  audit.append(mebibyte);
  assert.equal(audit.counts.lost, 3);
  await audit.close();
});

test("a file that cannot be opened is an error", async (t) => {
  await assert.rejects(open(path.join(newPath(t), "no/such")), /ENOENT|ENOTDIR/);
});
