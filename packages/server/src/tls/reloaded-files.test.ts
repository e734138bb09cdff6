import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { realClock } from "@quorate/storage/seams/real-clock";
import { isLocalFile } from "./local-files.ts";
import { ReloadedFiles } from "./reloaded-files.ts";

/** Two files, what was made of them, and a clock by which their last change is as long ago as wanted. */
function open(t: TestContext, areLocal: boolean, parse: (text: string) => string = (text) => text) {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-reloaded-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const paths = [path.join(directory, "a"), path.join(directory, "b")] as const;
  const write = (a: string, b: string) => {
    writeFileSync(paths[0], a);
    writeFileSync(paths[1], b);
  };
  write("1", "1");
  let laterMs = 0;
  const parsed: string[] = [];
  const files = new ReloadedFiles(
    paths,
    (contents) => {
      const text = contents.join("+");
      parsed.push(text);
      return parse(text);
    },
    { ...realClock, wallMs: () => realClock.wallMs() + laterMs },
    async () => areLocal,
  );
  const later = () => {
    laterMs += 10_000;
  };
  return { files, paths, write, parsed, later };
}

for (const areLocal of [true, false]) {
  const where = areLocal ? "on this machine, " : "elsewhere, ";
  test(`${where}files that have not changed for a while are looked at and not read`, async (t) => {
    const { files, later, parsed } = open(t, areLocal);
    later();
    assert.equal(await files.current(), "1+1");
    const reads = t.mock.method(fs, "readFile");
    for (let i = 0; i < 5; i++) assert.equal(await files.current(), "1+1");
    assert.equal(reads.mock.callCount(), 0);
    assert.deepEqual(parsed, ["1+1"]);
  });

  test(`${where}files that have just changed are read again, and parsed when they differ`, async (t) => {
    const { files, write, parsed } = open(t, areLocal);
    assert.equal(await files.current(), "1+1");
    assert.equal(await files.current(), "1+1");
    // Of the same size, and perhaps at the same time by the grain of the file system.
    write("2", "2");
    assert.equal(await files.current(), "2+2");
    assert.deepEqual(parsed, ["1+1", "2+2"]);
  });

  test(`${where}a file that is replaced by an older one is noticed`, async (t) => {
    const { files, paths, later } = open(t, areLocal);
    const old = `${paths[1]}.old`;
    writeFileSync(old, "0");
    const longAgo = new Date("2020-01-01");
    await fs.utimes(old, longAgo, longAgo);
    later();
    assert.equal(await files.current(), "1+1");
    renameSync(old, paths[1]);
    assert.equal(await files.current(), "1+0");
  });

  test(`${where}what cannot be parsed or read is said each time, until it can`, async (t) => {
    const { files, paths, write, parsed, later } = open(t, areLocal, (text) => {
      if (text.includes("x")) throw new Error("no good");
      return text;
    });
    write("2", "x");
    later();
    for (let i = 0; i < 3; i++) await assert.rejects(files.current(), /no good/);
    assert.deepEqual(parsed, ["2+x"]);
    write("2", "2");
    assert.equal(await files.current(), "2+2");
    rmSync(paths[0]);
    await assert.rejects(files.current(), { code: "ENOENT" });
    write("2", "2");
    assert.equal(await files.current(), "2+2");
  });

  test(`${where}many who ask at once share two looks: the one that has begun, and the next one`, async (t) => {
    const { files, later, write } = open(t, areLocal);
    later();
    await files.current();
    const stats = t.mock.method(fs, "stat");
    const first = files.current();
    write("2", "2");
    later();
    const others = Array.from({ length: 100 }, () => files.current());
    await first;
    // Whoever asks after a change hears of it.
    for (const other of others) assert.equal(await other, "2+2");
    // In place, the first look needs no other way, and the next one has nothing to do.
    assert.equal(stats.mock.callCount(), areLocal ? 2 : 4);
  });
}

test("a file that has gone is on no file system", async () => {
  await assert.rejects(isLocalFile(path.join(tmpdir(), "quorate-no-such-file")), { code: "ENOENT" });
});

test("what the kernel shows of itself is no file of a file system of this machine", {
  skip: process.platform !== "linux",
}, async () => {
  assert.equal(await isLocalFile("/proc/self/status"), false);
});
