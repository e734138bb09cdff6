import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { type Disk, readFile } from "./disk.ts";
import type { Random } from "./random.ts";
import { RealDisk } from "./real-disk.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

/** Says the same numbers again and again, each modulo what is asked for. */
function repeating(...numbers: number[]): Random {
  let at = 0;
  return { below: (limit) => numbers[at++ % numbers.length]! % limit };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

const disks: { name: string; open: (t: test.TestContext) => { disk: Disk; root: string } }[] = [
  {
    name: "the real disk",
    open: (t) => {
      const root = fs.mkdtempSync(path.join(os.tmpdir(), "quorate-disk-"));
      t.after(() => fs.rmSync(root, { recursive: true, force: true }));
      return { disk: new RealDisk(), root };
    },
  },
  {
    name: "the simulated disk",
    open: () => ({ disk: new SimulatedDisk({ random: repeating(0) }).mount(), root: "root" }),
  },
];

for (const { name, open } of disks) {
  test(`${name} keeps files and directories`, async (t) => {
    const { disk, root } = open(t);
    await disk.makeDirectory(`${root}/a/b`);
    await disk.makeDirectory(`${root}/a/b`);
    for (const mode of ["write", "durable"] as const) {
      const file = await disk.open(`${root}/a/${mode}`, mode);
      await file.write(bytes("hello"), 3);
      await file.sync();
      assert.equal(await file.size(), 8);
      const target = new Uint8Array(20).fill(1);
      assert.equal(await file.read(target, 1), 7);
      assert.deepEqual(target.subarray(0, 8), new Uint8Array([0, 0, ...bytes("hello"), 1]));
      assert.equal(await file.read(target, 100), 0);
      await file.truncate(4);
      await file.truncate(6);
      await file.close();
      await file.close();
      assert.equal(textOf(await readFile(disk, `${root}/a/${mode}`, 100)), "\0\0\0h\0\0");
    }
    await assert.rejects(readFile(disk, `${root}/a/write`, 5), { code: "IO" });
    assert.deepEqual(await disk.list(`${root}/a`), ["b", "durable", "write"]);
    await disk.rename(`${root}/a/write`, `${root}/a/durable`);
    await disk.syncDirectory(`${root}/a`);
    assert.equal(await disk.exists(`${root}/a/write`), false);
    await disk.remove(`${root}/a`);
    await disk.remove(`${root}/a`);
    assert.equal(await disk.exists(`${root}/a`), false);
  });

  test(`${name} names what is missing`, async (t) => {
    const { disk, root } = open(t);
    const missing = { code: "NOT_FOUND", path: `${root}/none` };
    await assert.rejects(disk.list(`${root}/none`), missing);
    await assert.rejects(disk.open(`${root}/none`, "read"), missing);
    await assert.rejects(disk.rename(`${root}/none`, `${root}/other`), { code: "NOT_FOUND" });
  });

  test(`${name} lets a lock be taken once, and again after its release`, async (t) => {
    const { disk, root } = open(t);
    await disk.makeDirectory(root);
    const lock = await disk.lock(`${root}/lock`);
    await assert.rejects(disk.lock(`${root}/lock`), { code: "LOCKED" });
    await lock.release();
    await lock.release();
    await (await disk.lock(`${root}/lock`)).release();
  });

  test(`${name} holds an existing file, whatever its name becomes, until the lock is released`, async (t) => {
    const { disk, root } = open(t);
    await disk.makeDirectory(root);
    await assert.rejects(disk.lockExisting(`${root}/a`), { code: "NOT_FOUND" });
    const file = await disk.open(`${root}/a`, "write");
    await file.write(bytes("content"), 0);
    const lock = await disk.lockExisting(`${root}/a`);
    await disk.rename(`${root}/a`, `${root}/b`);
    await (await disk.open(`${root}/b`, "read")).close();
    await assert.rejects(disk.lockExisting(`${root}/b`), { code: "LOCKED", path: `${root}/b` });
    await file.write(bytes("C"), 0);
    await file.close();
    await lock.release();
    await lock.release();
    const again = await disk.lockExisting(`${root}/b`);
    await assert.rejects(disk.lockExisting(`${root}/b`), { code: "LOCKED" });
    await again.release();
    assert.equal(textOf(await readFile(disk, `${root}/b`, 100)), "Content");
  });

  test(`${name} gives a file a second name, and a rename from one to the other does nothing`, async (t) => {
    const { disk, root } = open(t);
    await disk.makeDirectory(root);
    const file = await disk.open(`${root}/a`, "write");
    await file.write(bytes("content"), 0);
    await disk.link(`${root}/a`, `${root}/b`);
    await file.write(bytes("C"), 0);
    await file.close();
    assert.equal(textOf(await readFile(disk, `${root}/b`, 100)), "Content");
    await assert.rejects(disk.link(`${root}/a`, `${root}/b`), { code: "EXISTS" });
    await assert.rejects(disk.link(`${root}/none`, `${root}/c`), { code: "NOT_FOUND" });
    await disk.rename(`${root}/a`, `${root}/b`);
    assert.deepEqual(await disk.list(root), ["a", "b"]);
    await disk.remove(`${root}/a`);
    assert.equal(textOf(await readFile(disk, `${root}/b`, 100)), "Content");
  });

  test(`${name} keeps a database, which one may have open to write`, async (t) => {
    const { disk, root } = open(t);
    await disk.makeDirectory(root);
    const db = `${root}/db`;
    await assert.rejects(disk.openDatabase(db, "read"), { code: "NOT_FOUND" });
    const file = await disk.openDatabase(db, "write");
    await assert.rejects(disk.openDatabase(db, "write"), { code: "LOCKED", path: db });
    await file.write([bytes("one"), bytes("two")], 1);
    await file.sync();
    const other = await disk.openDatabase(db, "read");
    const target = new Uint8Array(10).fill(1);
    assert.equal(other.readSync(target, 0), 7);
    assert.equal(textOf(target), "\0onetwo\u0001\u0001\u0001");
    assert.equal(await other.read(target.subarray(0, 3), 4), 3);
    assert.equal(textOf(target.subarray(0, 3)), "two");
    await other.close();
    await file.close();
    const again = await disk.openDatabase(db, "write");
    assert.equal(await again.size(), 7);
    await again.close();
    const emptied = await disk.openDatabase(db, "create");
    assert.equal(await emptied.size(), 0);
    await emptied.close();
  });
}

const SEAMS = fileURLToPath(new URL(".", import.meta.url));

/** A process that runs `script`, which can name this folder's modules, until the test ends; resolves when it has printed. */
async function holding(t: test.TestContext, script: string, options: string[] = []): Promise<ChildProcess> {
  const source = `import fs from "node:fs"; ${script}; console.log("locked"); setInterval(() => {}, 1000);`;
  const node = ["--disable-warning=ExperimentalWarning", ...options, "--input-type=module", "--eval", source];
  const holder = spawn(process.execPath, node, { cwd: SEAMS });
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  return holder;
}

test("another process is kept out for as long as the holder lives, and not longer", async (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "quorate-lock-"));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  const lockPath = path.join(root, "lock");
  const script = `
    import { RealDisk } from "./real-disk.ts";
    await new RealDisk().lock(${JSON.stringify(lockPath)})`;
  // With a lock of the kernel's, and by the process that the file names where none can be had.
  for (const options of [[], ["--no-experimental-ffi"]]) {
    const holder = await holding(t, script, options);
    await assert.rejects(new RealDisk().lock(lockPath), (error: { code: string; message: string }) => {
      assert.equal(error.code, "LOCKED");
      assert.ok(error.message.includes(`${lockPath} is locked by process ${holder.pid}`), error.message);
      return true;
    });
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await (await new RealDisk().lock(lockPath)).release();
  }
});

for (const kind of ["takeFlock", "takeWholeFileLock"]) {
  const skip = kind === "takeWholeFileLock" && process.platform !== "linux" ? "no such lock here" : false;
  test(`a file that another program holds by ${kind} alone is not held, and one we hold refuses it`, {
    skip,
  }, async (t) => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), "quorate-lock-"));
    t.after(() => fs.rmSync(root, { recursive: true, force: true }));
    const [theirs, ours] = [path.join(root, "theirs"), path.join(root, "ours")];
    for (const file of [theirs, ours]) fs.writeFileSync(file, "x");
    const lock = await new RealDisk().lockExisting(ours);
    const holder = await holding(
      t,
      `import { ${kind} } from "./kernel-locks.ts";
      const take = (file) => ${kind}(fs.openSync(file, "r+"));
      if (take(${JSON.stringify(theirs)}) !== "taken") throw new Error("not taken");
      if (take(${JSON.stringify(ours)}) !== "held") throw new Error("two hold it")`,
    );
    await assert.rejects(new RealDisk().lockExisting(theirs), { code: "LOCKED" });
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await (await new RealDisk().lockExisting(theirs)).release();
    await lock.release();
    assert.deepEqual(
      [theirs, ours].map((file) => fs.readFileSync(file, "utf8")),
      ["x", "x"],
    );
  });
}

async function written(random: Random, synced: string, unsynced: string): Promise<SimulatedDisk> {
  const simulated = new SimulatedDisk({ random });
  const disk = simulated.mount();
  await disk.makeDirectory("d");
  await disk.syncDirectory(".");
  const file = await disk.open("d/f", "write");
  await disk.syncDirectory("d");
  await file.write(bytes(synced), 0);
  await file.sync();
  await file.write(bytes(unsynced), synced.length);
  return simulated;
}

test("a crash keeps what was synced and any of the sectors that were not", async () => {
  const lost = await written(repeating(0), "synced", "not");
  lost.crash();
  assert.equal(textOf(lost.contents("d/f")).slice(0, 6), "synced");
  const long = "x".repeat(2000);
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const simulated = await written(
      repeating(seed, seed >> 1, 3 * seed, seed >> 2, 5 * seed + 1),
      "synced",
      long,
    );
    simulated.crash();
    const text = textOf(simulated.contents("d/f"));
    assert.equal(text.slice(0, 6), "synced");
    // Per sector all or nothing.
    const sectors = (text.slice(6).match(/x+|\0+/g) ?? []).map(
      (run) => `${run[0] === "x" ? "x" : "0"}${run.length}`,
    );
    outcomes.add(sectors.join(" "));
  }
  assert.ok(outcomes.size > 3, [...outcomes].join("; "));
});

test("a durable write is there after a crash, and so is a name after a sync of its directory", async () => {
  const simulated = new SimulatedDisk({ random: repeating(0) });
  const disk = simulated.mount();
  await disk.makeDirectory("d");
  await disk.syncDirectory(".");
  const file = await disk.open("d/kept", "durable");
  await disk.syncDirectory("d");
  await file.write(bytes("abc"), 0);
  const other = await disk.open("d/forgotten", "durable");
  await other.write(bytes("abc"), 0);
  await disk.rename("d/kept", "d/renamed");
  simulated.crash();
  assert.deepEqual(await simulated.mount().list("d"), ["kept"]);
  assert.equal(textOf(simulated.contents("d/kept")), "abc");
});

test("a database is seen in memory as it is written, and after a crash as it is then", async () => {
  const simulated = new SimulatedDisk({ random: repeating(0) });
  const disk = simulated.mount();
  const file = await disk.openDatabase("db", "write");
  await disk.syncDirectory(".");
  await file.write([bytes("synced")], 0);
  await file.sync();
  const seen = () => textOf(file.memory!.window(0).subarray(0, 6));
  const window = file.memory!.window(0);
  await file.write([bytes("NOT")], 0);
  assert.equal(seen(), "NOTced");
  assert.equal(textOf(window.subarray(0, 6)), "NOTced");
  simulated.crash();
  assert.equal(seen(), "synced");
  await assert.rejects(file.write([bytes("z")], 0), { code: "CRASHED" });
});

test("a bit that rots shows after a crash, until it is made good or written over", async () => {
  const simulated = new SimulatedDisk({ random: repeating(0) });
  const begin = async () => {
    const file = await simulated.mount().open("f", "durable");
    await simulated.mount().syncDirectory(".");
    await file.write(bytes("abc"), 0);
    return file;
  };
  assert.equal(simulated.rot("f", repeating(1)), undefined);
  await begin();
  const heal = simulated.rot("f", repeating(1, 3))!;
  assert.equal(textOf(simulated.contents("f")), "abc");
  simulated.crash();
  assert.equal(textOf(simulated.contents("f")), "ajc");
  assert.equal(heal(), true);
  assert.equal(textOf(simulated.contents("f")), "abc");
  assert.equal(heal(), false);
  const healLate = simulated.rot("f", repeating(1, 3))!;
  await begin();
  assert.equal(healLate(), false);
  simulated.crash();
  assert.equal(textOf(simulated.contents("f")), "abc");
});

test("what was opened or mounted before a crash is dead", async () => {
  const simulated = await written(repeating(0), "a", "b");
  const disk = simulated.mount();
  const file = await disk.open("d/f", "durable");
  simulated.crash();
  await assert.rejects(file.write(bytes("z"), 0), { code: "CRASHED" });
  await assert.rejects(file.read(new Uint8Array(1), 0), { code: "CRASHED" });
  await assert.rejects(disk.list("d"), { code: "CRASHED" });
  assert.equal(textOf(simulated.contents("d/f")).slice(0, 1), "a");
});

test("a crash during a sync fails it", async () => {
  let finish: (() => void) | undefined;
  const simulated = new SimulatedDisk({
    random: repeating(0),
    schedule: (done) => {
      finish = done;
    },
  });
  const file = await simulated.mount().open("f", "write");
  await file.write(bytes("abc"), 0);
  const sync = file.sync();
  simulated.crash();
  finish?.();
  await assert.rejects(sync, { code: "CRASHED" });
});

test("a failed sync loses writes for good, although they can still be read", async () => {
  let fail = false;
  const simulated = new SimulatedDisk({
    random: repeating(0),
    fault: (operation) => (fail && operation === "sync" ? "IO" : undefined),
  });
  const disk = simulated.mount();
  const file = await disk.open("f", "write");
  await disk.syncDirectory(".");
  await file.write(bytes("abc"), 0);
  fail = true;
  await assert.rejects(file.sync(), { code: "IO" });
  fail = false;
  await file.sync();
  assert.equal(textOf(simulated.contents("f")), "abc");
  simulated.crash();
  assert.equal(textOf(simulated.contents("f")).replaceAll("\0", ""), "");
});

test("a full disk refuses new blocks and takes writes to old ones", async () => {
  const simulated = new SimulatedDisk({ random: repeating(0), capacityBytes: 8192 });
  const file = await simulated.mount().open("f", "write");
  await file.truncate(64_000_000);
  await file.write(new Uint8Array(8192), 0);
  await file.write(new Uint8Array(100), 4000);
  await assert.rejects(file.write(new Uint8Array(100), 8150), { code: "FULL" });
});

test("writes that overlap while they are under way are a fault of the caller", async () => {
  const file = await new SimulatedDisk({ random: repeating(0) }).mount().open("f", "write");
  const first = file.write(new Uint8Array(10), 0);
  await assert.rejects(file.write(new Uint8Array(10), 9), /writes overlap: 9-19 and 0-10/);
  await Promise.all([first, file.write(new Uint8Array(10), 10)]);
  await file.write(new Uint8Array(10), 9);
});
