import { strict as assert } from "node:assert";
import { fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FailpointName } from "../failpoints/names.ts";
import { realClock } from "../seams/real-clock.ts";
import { exported } from "./backend-contract.testing.ts";
import { applyEntry, EntryModel, numbers } from "./entry-model.testing.ts";
import { LmdbBackend } from "./lmdb-backend.ts";
import { FLUSHED_META_OFFSET, newestMeta, PAGE_BYTES } from "./lmdb-format.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-crash-"));
after(() => rmSync(root, { recursive: true, force: true }));
const KILLS = Number(process.env.QUORATE_KILLS ?? 6);
const seed = Number(process.env.QUORATE_SEED ?? Date.now() % 1_000_000);

const open = (file: string) =>
  LmdbBackend.open({
    path: file,
    clock: realClock,
    onFatal: (error) => {
      throw error;
    },
  });

/**
 * Lets a process write until it is killed, or kills itself at a failpoint; the index that it called durable last.
 */
async function writeAndKill(
  file: string,
  childSeed: number,
  afterMs: number,
  failpoint?: string,
): Promise<number> {
  const { GOFAIL_FAILPOINTS: _, ...env } = process.env;
  if (failpoint !== undefined) env.GOFAIL_FAILPOINTS = failpoint;
  const child = fork(
    fileURLToPath(new URL("./crash-child.testing.ts", import.meta.url)),
    [file, `${childSeed}`],
    {
      stdio: ["ignore", "inherit", failpoint === undefined ? "inherit" : "ignore", "ipc"],
      env,
    },
  );
  let durable = 0;
  child.on("message", (message: { opened?: number; durable?: number }) => {
    if (message.opened !== undefined && failpoint === undefined)
      setTimeout(() => child.kill("SIGKILL"), afterMs);
    durable = message.durable ?? durable;
  });
  const signal = await new Promise((resolve) => child.on("exit", (_code, name) => resolve(name)));
  assert.equal(signal, "SIGKILL", "the process did not end by itself");
  return durable;
}

test(`a killed process leaves the state after some entry, and loses nothing durable (seed ${seed})`, async () => {
  const file = path.join(root, "killed", "db");
  const random = numbers(seed);
  const model = new EntryModel();
  for (let kill = 0; kill < KILLS; kill++) {
    const durable = await writeAndKill(file, seed + kill, 5 + random(120));
    const backend = await open(file);
    assert.ok(
      backend.consistentIndex >= durable,
      `index ${backend.consistentIndex} after durable ${durable}`,
    );
    model.advance(backend.consistentIndex);
    model.check(backend);
    await backend.close();
  }
  assert.ok(model.index > 0);
});

test(`a process killed while its database is replaced leaves the old or the new one (seed ${seed})`, async () => {
  const RECEIVED = 3000;
  const directory = path.join(root, "replaced");
  const source = await open(path.join(directory, "source"));
  for (let index = 1; index <= RECEIVED; index++) {
    source.setConsistentIndex(index, 1);
    applyEntry(index, source);
  }
  const bbolt = path.join(directory, "received");
  writeFileSync(bbolt, (await exported(source)).file);
  await source.close();
  const script = fileURLToPath(new URL("./crash-replace-child.testing.ts", import.meta.url));
  const random = numbers(seed);
  const found = { old: 0, new: 0 };
  const moments = ["importing", "becoming", "became"];
  for (const [run, moment] of moments.entries()) {
    const file = path.join(directory, `${run}`, "db");
    const child = fork(script, [file, bbolt], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.on("message", (message) => {
      if (message === moment) setTimeout(() => child.kill("SIGKILL"), random(20));
    });
    const signal = await new Promise((resolve) => child.on("exit", (_code, name) => resolve(name)));
    assert.equal(signal, "SIGKILL", "the process did not end by itself");
    const backend = await open(file);
    const index = backend.consistentIndex;
    assert.ok((index >= 300 && index <= 400) || index >= RECEIVED, `${moment}: index ${index}`);
    if (moment !== "becoming") assert.equal(index >= RECEIVED, moment === "became");
    found[index >= RECEIVED ? "new" : "old"]++;
    const model = new EntryModel();
    model.advance(index);
    model.check(backend);
    await backend.close();
    const names = readdirSync(path.dirname(file)).filter((name) => !/^(db|db-lock|tmp\..*)$/.test(name));
    assert.deepEqual(names, []);
  }
  assert.ok(found.old > 0 && found.new > 0);
});

const FAILPOINTS: readonly FailpointName[] = [
  "beforeCommit",
  "afterCommit",
  "beforeStartDBTxn",
  "afterStartDBTxn",
  "beforeWritebackBuf",
  "afterWritebackBuf",
  "commitBeforePreCommitHook",
  "commitAfterPreCommitHook",
  "defragBeforeCopy",
  "defragBeforeRename",
];

test("a process that dies at a failpoint leaves the state after some entry", async () => {
  const file = path.join(root, "failpoints", "db");
  const model = new EntryModel();
  for (const name of FAILPOINTS) {
    // Some of them are passed once an entry: the first times nothing has been committed yet.
    const skipped = name.includes("Writeback") ? 900 : 1;
    const durable = await writeAndKill(file, seed, 0, `${name}=${skipped}*off->1*sleep(3)->panic`);
    const backend = await open(file);
    assert.ok(backend.consistentIndex >= durable, name);
    model.advance(backend.consistentIndex);
    model.check(backend);
    assert.deepEqual(
      readdirSync(path.dirname(file)).filter((entry) => entry.includes(".tmp.")),
      [],
      "unfinished copies are removed",
    );
    await backend.close();
  }
});

const newestTxnId = (bytes: Buffer): number =>
  newestMeta(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)).txnId;

test(`a machine crash that tears unflushed writes leaves the last flushed state (seed ${seed})`, async () => {
  const directory = path.join(root, "torn");
  const file = path.join(directory, "db");
  const random = numbers(seed);
  const model = new EntryModel();
  const backend = await open(file);
  let index = 0;
  let torn = 0;
  for (let round = 0; round < 100 && torn < 8; round++) {
    const flushed = readFileSync(file);
    const flushedIndex = backend.consistentIndex;
    for (let i = 1 + random(600); i > 0; i--) {
      index++;
      backend.setConsistentIndex(index, 1);
      applyEntry(index, backend);
      backend.entryApplied();
    }
    backend.commit();
    await backend.flushed();
    const written = readFileSync(file);
    // A second transaction begins after the flush of the first.
    if (newestTxnId(written) !== newestTxnId(flushed) + 1) continue;
    torn++;
    const crashed = path.join(directory, `crash${torn}`);
    mkdirSync(crashed);
    writeFileSync(path.join(crashed, "db"), tear(flushed, written, random));
    const after = await open(path.join(crashed, "db"));
    assert.equal(after.consistentIndex, flushedIndex);
    model.advance(flushedIndex);
    model.check(after);
    await after.close();
  }
  await backend.close();
  assert.equal(torn, 8, "rounds with one transaction");
});

/**
 * A file of which every sector that differs is the old one or the new one. The meta that says what was flushed is the
 * old one: it is written when the flush is over.
 */
function tear(flushed: Buffer, written: Buffer, random: (limit: number) => number): Buffer {
  const image = Buffer.from(written);
  for (let at = 0; at < image.length; at += 512) {
    const isFlushedMeta = at >= FLUSHED_META_OFFSET && at < PAGE_BYTES;
    if (!isFlushedMeta && random(2) === 0) continue;
    const end = Math.min(at + 512, image.length);
    image.fill(0, at, end);
    if (at < flushed.length) flushed.copy(image, at, at, end);
  }
  return image;
}
