import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import { until } from "@quorate/testkit/wait";
import { receiveUnixDatagrams } from "../system/receive-datagrams.testing.ts";
import { openJournal } from "./journal.ts";
import { createLogger, type LogRotation } from "./logger.ts";
import { Sampling } from "./sampling.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-logger-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
const fileNamed = (name: string) => path.join(root, name);
const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");
const messagesOf = (file: string) => linesOf(file).map((line) => (JSON.parse(line) as { msg: string }).msg);

test("a line goes to every file, once, and behind what is there", () => {
  const [one, two] = [fileNamed("one"), fileNamed("two")];
  writeFileSync(one, '{"msg":"old"}\n');
  const log = createLogger({ level: "info", format: "json", outputs: [one, two, one] });
  log.for("a/b.ts").info("new", { field: 1 });
  log.debug("not at this level");
  assert.deepEqual(messagesOf(one), ["old", "new"]);
  const [line] = linesOf(two);
  const { ts, ...record } = JSON.parse(line!) as Record<string, unknown>;
  assert.deepEqual(record, { level: "info", caller: "a/b.ts", field: 1, msg: "new" });
  assert.match(String(ts), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test("the console's form has tabs, and the fields as JSON", () => {
  const file = fileNamed("console");
  createLogger({ level: "info", format: "console", outputs: [file] }).warn("m", { a: 1 });
  assert.match(linesOf(file)[0]!, /^\S+\twarn\tserver\tm\t\{"a":1\}$/);
});

test("with /dev/null among them nothing is written", () => {
  const file = fileNamed("silenced");
  createLogger({ level: "info", format: "json", outputs: ["/dev/null", file] }).info("m");
  assert.ok(!readdirSync(root).includes("silenced"));
});

test("a file that cannot be opened is named", () => {
  const outputs = [fileNamed("no/such/folder")];
  assert.throws(() => createLogger({ level: "info", format: "json", outputs }), {
    message: `open sink "${outputs[0]}": open ${outputs[0]}: no such file or directory`,
  });
});

test("the level may be changed at any time, for all that write to the log", () => {
  const file = fileNamed("levels");
  const log = createLogger({ level: "warn", format: "json", outputs: [file] });
  const other = log.for("other");
  other.info("a");
  log.level = "debug";
  other.debug("b");
  log.level = "error";
  other.warn("c");
  assert.equal(log.level, "error");
  assert.deepEqual(messagesOf(file), ["b"]);
});

test("of what repeats itself within a second a hundred are written, and then each hundredth", () => {
  let nowMs = 0;
  const sampling = new Sampling(() => nowMs);
  const admitted = (count: number) =>
    Array.from({ length: count }, () => sampling.admits("m")).filter(Boolean).length;
  assert.equal(admitted(500), 104);
  assert.equal(sampling.admits("another"), true);
  nowMs += 1_000;
  assert.equal(admitted(100), 100);
});

const ROTATION: LogRotation = {
  maxSizeBytes: 1_000,
  maxAgeMs: 0,
  maxBackups: 0,
  localTime: false,
  compress: false,
};
const BACKUP = /^rotated-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(?:-\d+)?\.log(?:\.gz)?$/;

/** Writes many lines, a few at a time; resolves when files have been moved aside. */
async function rotate(
  name: string,
  rotation: Partial<LogRotation>,
): Promise<{ dir: string; backups: string[] }> {
  const dir = mkdtempSync(path.join(root, name));
  const log = createLogger({
    level: "info",
    format: "json",
    outputs: [path.join(dir, "rotated.log")],
    rotation: { ...ROTATION, ...rotation },
  });
  const backupsNow = () => readdirSync(dir).filter((entry) => BACKUP.test(entry));
  let written = 0;
  await until(() => {
    for (let i = 0; i < 5; i++) log.info(`line ${written++}`, { padding: "x".repeat(100) });
    return written >= 60;
  });
  await until(() => backupsNow().length >= (rotation.maxBackups || 3));
  log.flush();
  return { dir, backups: backupsNow() };
}

test("a file that is full is moved aside under its name and the time, and nothing is lost", async () => {
  const { dir } = await rotate("all", {});
  const wanted = Array.from({ length: 60 }, (_, i) => `line ${i}`).sort();
  // Files may still be on their way from one name to another.
  await until(() => {
    try {
      const found = readdirSync(dir).flatMap((entry) => messagesOf(path.join(dir, entry)));
      return isDeepStrictEqual([...new Set(found)].sort(), wanted);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return false;
    }
  });
});

test("old ones are compressed", async () => {
  const { dir, backups } = await rotate("compressed", { compress: true });
  const [first] = backups;
  assert.match(first!, /\.log\.gz$/);
  assert.match(gunzipSync(readFileSync(path.join(dir, first!))).toString(), /"msg":"line \d+"/);
});

test("what merely begins with the name of a log is kept, and a folder does not keep what is too old", async () => {
  const dir = mkdtempSync(path.join(root, "others"));
  const others = ["rotated-1.log", "rotated-audit.log", "rotated-2020-01-01T00-00-00.000.log.txt"];
  const old = ["rotated-2020-01-01T00-00-00.000-2.log", "rotated-2020-01-01T00-00-00.000.log.gz"];
  const folder = "rotated-2021-01-01T00-00-00.000.log";
  mkdirSync(path.join(dir, folder));
  for (const name of [...others, ...old]) writeFileSync(path.join(dir, name), "");
  for (const name of [...others, ...old, folder]) utimesSync(path.join(dir, name), 0, 0);
  const rotation = { ...ROTATION, maxAgeMs: 86_400_000 };
  createLogger({ level: "info", format: "json", outputs: [path.join(dir, "rotated.log")], rotation });
  await until(() => !readdirSync(dir).some((name) => old.includes(name)));
  assert.deepEqual(readdirSync(dir).sort(), [...others, folder, "rotated.log"].sort());
});

test("after a rotation that fails lines wait, and are written when it succeeds: each once", async () => {
  const dir = mkdtempSync(path.join(root, "refusing"));
  const file = path.join(dir, "rotated.log");
  const log = createLogger({ level: "info", format: "json", outputs: [file], rotation: ROTATION });
  log.info("line 0");
  await until(() => linesOf(file).length === 1);
  const aside = `${dir}-aside`;
  renameSync(dir, aside);
  writeFileSync(dir, "");
  for (let i = 1; i <= 30; i++) log.info(`line ${i}`, { padding: "x".repeat(100) });
  // What fills the file still gets into it.
  await until(() => statSync(path.join(aside, "rotated.log")).size >= ROTATION.maxSizeBytes);
  await new Promise((resolve) => setTimeout(resolve, 50));
  rmSync(dir);
  renameSync(aside, dir);
  const written = () => readdirSync(dir).flatMap((entry) => messagesOf(path.join(dir, entry)));
  await until(() => {
    try {
      return written().includes("line 30");
    } catch {
      // It was moved aside between being found and being read.
      return false;
    }
  });
  assert.deepEqual(written().sort(), Array.from({ length: 31 }, (_, i) => `line ${i}`).sort());
});

test("no more of them are kept than wanted, and none that are too old", async () => {
  const { backups } = await rotate("few", { maxBackups: 1 });
  assert.ok(backups.length <= 2, `one, and one that has just been made: ${backups}`);
  const dir = mkdtempSync(path.join(root, "aged"));
  const old = path.join(dir, "rotated-2020-01-01T00-00-00.000.log");
  writeFileSync(old, "");
  utimesSync(old, 0, 0);
  const rotation = { ...ROTATION, maxAgeMs: 86_400_000 };
  createLogger({ level: "info", format: "json", outputs: [path.join(dir, "rotated.log")], rotation });
  await until(() => !readdirSync(dir).some((entry) => BACKUP.test(entry)));
});

const noSockets = process.platform !== "linux" && "unix datagrams are of Linux";

test("a line is an entry of the journal, of its level's priority", { skip: noSockets }, () => {
  using socket = receiveUnixDatagrams(fileNamed("journal.sock"));
  const journal = openJournal(socket.path);
  journal.write('{"level":"warn","ts":"t","caller":"member/member.ts","msg":"m"}\n');
  assert.equal(socket.receive(), "", "what looks whether there is a journal");
  assert.equal(
    socket.receive(),
    "PRIORITY=4\nPACKAGE=member\nSYSLOG_IDENTIFIER=etcd\n" +
      'MESSAGE={"level":"warn","ts":"t","caller":"member/member.ts","msg":"m"}\n',
  );
});

test("without a journal the log cannot be opened", { skip: noSockets }, () => {
  const none = fileNamed("none.sock");
  assert.throws(() => openJournal(none), {
    message: `can't find journal (dial unixgram ${none}: connect: no such file or directory)`,
  });
});
