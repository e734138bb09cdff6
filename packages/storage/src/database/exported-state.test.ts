import { strict as assert } from "node:assert";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Database } from "@quorate/bbolt";
import { exported, scanned, turn } from "../backend/backend-contract.testing.ts";
import { applyEntry, EntryModel } from "../backend/entry-model.testing.ts";
import type { DatabaseExport } from "../seams/backend.ts";
import { realClock } from "../seams/real-clock.ts";
import { BboltBackend, type BboltBackendOptions } from "./bbolt-backend.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-exported-state-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const newPath = () => path.join(root, `${directories++}`, "db");

const open = (file: string, options: Partial<BboltBackendOptions> = {}) =>
  BboltBackend.open({
    path: file,
    clock: realClock,
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });

function write(backend: BboltBackend, from: number, to: number): void {
  for (let index = from; index <= to; index++) {
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
}

function openCopy(file: Uint8Array): Promise<BboltBackend> {
  const copy = newPath();
  mkdirSync(path.dirname(copy));
  writeFileSync(copy, file);
  return open(copy);
}

async function rest(chunks: AsyncIterator<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) all.push(step.value);
  return Buffer.concat(all);
}

test("each export is the state after exactly one entry, while writes go on", async () => {
  const backend = await open(newPath());
  write(backend, 1, 3000);
  let writing = true;
  let index = 3000;
  const writer = (async () => {
    while (writing) {
      for (let i = 0; i < 50; i++) write(backend, ++index, index);
      await turn();
      if (backend.backlogBytes <= 1 << 20) continue;
      backend.commit();
      await backend.flushed();
    }
  })();
  try {
    for (let i = 0; i < 4; i++) {
      const before = index;
      const state = await exported(backend);
      assert.ok(state.index >= before, `${state.index} has entry ${before}`);
      const copy = await openCopy(state.file);
      assert.equal(copy.consistentIndex, state.index);
      const model = new EntryModel();
      model.advance(state.index);
      model.check(copy);
      await copy.close();
    }
    assert.ok(index > 3000, "writes went on");
  } finally {
    writing = false;
    await writer;
    await backend.close();
  }
});

const RECORDS = 2000;
const READERS = 6;

/** Writes all records anew and deletes those before, again and again; the file's size at the end. */
async function churn(backend: BboltBackend, rounds: number): Promise<number> {
  const record = new Uint8Array(1000).fill(7);
  for (let round = 0; round < rounds; round++) {
    const first = (backend.lastRevision()?.main ?? RECORDS) + 1;
    for (let main = first; main < first + RECORDS; main++) {
      backend.putRevision(main, 0, false, record);
      backend.deleteRevision(main - RECORDS, 0, false);
    }
    backend.commit();
    await backend.flushed();
    await turn();
  }
  return backend.sizeBytes;
}

for (const [who, mostKeptBytes, isCopied] of [
  [
    "those who read slowly read copies when their pages are too many, and these are used again",
    1 << 20,
    true,
  ],
  ["as long as little is kept nothing is copied, and the file grows by what each reads", 1 << 30, false],
] as const) {
  test(who, async () => {
    const backend = await open(newPath(), { mostKeptBytes });
    const alone = await churn(backend, 8);
    const read: {
      content: string[];
      state: DatabaseExport;
      reading: AsyncIterator<Uint8Array>;
      first: Uint8Array;
    }[] = [];
    for (let i = 0; i < READERS; i++) {
      const content = scanned(backend);
      const state = await backend.export();
      const reading = state.read()[Symbol.asyncIterator]();
      read.push({ content, state, reading, first: (await reading.next()).value });
      await churn(backend, 10);
    }
    const states = (backend.sizeBytes - alone) / (RECORDS * 1000);
    if (isCopied) assert.ok(states < READERS / 2, `${states} states are kept`);
    else assert.ok(states >= READERS && states < 2 * READERS, `${states} states are kept`);
    for (const { content, state, reading, first } of read) {
      const file = Buffer.concat([first, await rest(reading)]);
      assert.equal(file.length, state.sizeBytes);
      assert.ok(file.equals(await rest(state.read()[Symbol.asyncIterator]())), "it may be read again");
      const copy = await openCopy(file);
      assert.deepEqual(scanned(copy), content);
      await copy.close();
      await state.release();
    }
    assert.deepEqual(readdirSync(path.dirname(backend.path)).sort(), ["db", "db.sums"]);
    await backend.close();
  });
}

test("an export that was taken and given up can not be read, and one may be given up while it waits", async () => {
  const backend = await open(newPath());
  write(backend, 1, 1000);
  const done = await backend.export();
  assert.equal((await rest(done.read()[Symbol.asyncIterator]())).length, done.sizeBytes);
  await done.release();
  await assert.rejects(rest(done.read()[Symbol.asyncIterator]()), /released|ended/);
  const stops = [new AbortController(), new AbortController()];
  const unwanted = stops.map(({ signal }) => assert.rejects(backend.export(signal)));
  for (const stop of stops) stop.abort();
  await Promise.all(unwanted);
  assert.equal((await exported(backend)).index, 1000);
  await backend.close();
});

test("a damaged page fails the export", async () => {
  const file = newPath();
  const backend = await open(file);
  for (let main = 2; main < 200; main++)
    backend.putRevision(main, 0, false, Buffer.from(`record ${main} `.repeat(20)));
  backend.commit();
  await backend.flushed();
  const at = readFileSync(file).indexOf("record 77 record");
  const fd = openSync(file, "r+");
  writeSync(fd, "R", at);
  closeSync(fd);
  const damaged = new RegExp(`database file ${file} is invalid at page ${Math.floor(at / 4096)} `);
  await assert.rejects(exported(backend), damaged);
  await backend.close();
});

test("a failed replacement leaves the backend as it was", async () => {
  const backend = await open(newPath());
  write(backend, 1, 100);
  const received = `${backend.path}.tmp.received`;
  writeFileSync(received, (await exported(backend)).file);
  const other = await open(received);
  write(backend, 101, 200);
  rmSync(other.path);
  await assert.rejects(backend.become(other), /ENOENT/);
  write(backend, 201, 300);
  const model = new EntryModel();
  model.advance(300);
  model.check(backend);
  await backend.close();
  const again = await open(backend.path);
  model.check(again);
  await again.close();
});

test("buckets that are not etcd's stay, in exports too", async () => {
  const file = newPath();
  mkdirSync(path.dirname(file));
  const database = await Database.open(file);
  const tx = database.beginWrite();
  tx.createBucketIfAbsent("mine").put(Buffer.from("a"), new Uint8Array(5000));
  await tx.commit();
  await database.close();
  const backend = await open(file);
  write(backend, 1, 100);
  await backend.defragment();
  const copy = newPath();
  mkdirSync(path.dirname(copy));
  writeFileSync(copy, (await exported(backend)).file);
  await backend.close();
  await using left = await Database.open(copy, { readOnly: true });
  assert.equal(left.latest.bucket("mine")?.get(Buffer.from("a"))?.length, 5000);
});

test("exports, defragmentation and replacement do not disturb each other", async () => {
  const backend = await open(newPath());
  write(backend, 1, 2000);
  const first = await exported(backend);
  write(backend, 2001, 4000);
  const under = backend.export();
  const defragmented = backend.defragment().then(
    () => "done",
    () => "abandoned",
  );
  const received = `${backend.path}.tmp.received`;
  writeFileSync(received, first.file);
  const other = await open(received);
  const late = backend.export();
  await backend.become(other);
  assert.match(await defragmented, /done|abandoned/);
  assert.equal((await under).consistentIndex, 4000);
  assert.ok([2000, 4000].includes((await late).consistentIndex));
  assert.equal((await rest((await under).read()[Symbol.asyncIterator]())).length, (await under).sizeBytes);
  const model = new EntryModel();
  model.advance(2000);
  model.check(backend);
  await (await under).release();
  await (await late).release();
  await backend.defragment();
  model.check(backend);
  write(backend, 2001, 2500);
  await backend.close();
  await other.close();
  const again = await open(backend.path);
  assert.equal(again.consistentIndex, 2500);
  model.advance(2500);
  model.check(again);
  await again.close();
});

test("closing ends exports, those that are read and those that are asked for", async () => {
  const backend = await open(newPath());
  write(backend, 1, 3000);
  const state = await backend.export();
  const reading = state.read()[Symbol.asyncIterator]();
  await reading.next();
  const asked = assert.rejects(backend.export(), /closed/);
  await backend.close();
  await asked;
  await assert.rejects(rest(reading), /closed/);
  await state.release();
});

test("an export that is given up before it is there keeps nothing", async () => {
  const backend = await open(newPath());
  write(backend, 1, 100);
  const stop = new AbortController();
  const asked = backend.export(stop.signal);
  stop.abort(new Error("no more"));
  await assert.rejects(asked, /no more/);
  await backend.close();
});
