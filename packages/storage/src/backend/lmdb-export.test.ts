import { strict as assert } from "node:assert";
import {
  closeSync,
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
import { buildDatabase } from "../bbolt/testing.ts";
import { realClock } from "../seams/real-clock.ts";
import { exported, scanned } from "./backend-contract.testing.ts";
import { applyEntry, EntryModel } from "./entry-model.testing.ts";
import { importDatabase, importIfBbolt, isBbolt, temporaryDatabasePath } from "./import-database.ts";
import { LmdbBackend } from "./lmdb-backend.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-export-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const newPath = () => path.join(root, `${directories++}`, "db");

const open = (file: string) =>
  LmdbBackend.open({
    path: file,
    clock: realClock,
    onFatal: (error) => {
      throw error;
    },
  });

function write(backend: LmdbBackend, from: number, to: number): void {
  for (let index = from; index <= to; index++) {
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
}

async function importBeside(backend: LmdbBackend, file: Uint8Array): Promise<LmdbBackend> {
  const bbolt = temporaryDatabasePath(backend.path);
  writeFileSync(bbolt, file);
  const imported = temporaryDatabasePath(backend.path);
  await importDatabase(bbolt, imported);
  rmSync(bbolt);
  return open(imported);
}

test("each export is the state after exactly one entry, while writes go on", async () => {
  const backend = await open(newPath());
  write(backend, 1, 3000);
  let writing = true;
  let index = 3000;
  const writer = (async () => {
    while (writing) {
      for (let i = 0; i < 50; i++) write(backend, ++index, index);
      await new Promise((resolve) => setImmediate(resolve));
      if (backend.backlogBytes <= 1 << 20) continue;
      backend.commit();
      await backend.flushed();
    }
  })();
  try {
    const states = await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, 40 * i));
        const before = backend.consistentIndex;
        const state = await exported(backend);
        assert.ok(state.index >= before, `${state.index} has entry ${before}`);
        return state;
      }),
    );
    assert.ok(index > states[0]!.index, "writes went on");
    for (const state of states) {
      const copy = await importBeside(backend, state.file);
      assert.equal(copy.consistentIndex, state.index);
      const model = new EntryModel();
      model.advance(state.index);
      model.check(copy);
      await copy.close();
      rmSync(copy.path);
    }
  } finally {
    writing = false;
    await writer;
    await backend.close();
  }
  assert.deepEqual(
    readdirSync(path.dirname(backend.path)).filter((name) => !/^(db|db-lock)$|-lock$/.test(name)),
    [],
  );
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
  const other = await importBeside(backend, first.file);
  const late = backend.export();
  await backend.become(other);
  assert.match(await defragmented, /done|abandoned/);
  assert.equal((await under).consistentIndex, 4000);
  assert.ok([2000, 4000].includes((await late).consistentIndex));
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

test("closing ends an export that is being written; one that is written can still be read", async () => {
  const backend = await open(newPath());
  write(backend, 1, 1000);
  const done = await backend.export();
  const unfinished = assert.rejects(backend.export());
  await backend.close();
  await unfinished;
  let bytes = 0;
  for await (const chunk of done.read()) bytes += chunk.length;
  assert.equal(bytes, done.sizeBytes);
  await done.release();
  await assert.rejects(async () => {
    for await (const _ of done.read());
  }, /released/);
  await assert.rejects(backend.export(), /closed/);
});

test("an export that nobody wants any more ends, waiting or being written", async () => {
  const backend = await open(newPath());
  write(backend, 1, 1000);
  const stops = [new AbortController(), new AbortController()];
  const unwanted = stops.map(({ signal }) => assert.rejects(backend.export(signal)));
  for (const stop of stops) stop.abort();
  await Promise.all(unwanted);
  assert.equal((await exported(backend)).index, 1000);
  await backend.close();
});

test("a damaged record fails the export", async () => {
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
  await assert.rejects(backend.export(), /corrupt at offset \d+: checksum of revision \(77, 0\)/);
  await backend.close();
});

test("a failed replacement leaves the backend as it was", async () => {
  const backend = await open(newPath());
  write(backend, 1, 100);
  const other = await importBeside(backend, (await exported(backend)).file);
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

test("an import that fails names file and page, and leaves nothing", async () => {
  const backend = await open(newPath());
  write(backend, 1, 100);
  const directory = path.dirname(backend.path);
  const revision = Buffer.from("00000000000000025f0000000000000000", "hex");
  const cases: { name: string; file: Uint8Array; want: RegExp }[] = [
    { name: "nothing", file: new Uint8Array(0), want: /in\.db is invalid at page 0: invalid database/ },
    {
      name: "a file cut short",
      file: (await exported(backend)).file.subarray(0, -1),
      want: /in\.db is invalid at page 0: the file has/,
    },
    {
      name: "a key that is no revision",
      file: buildDatabase([["key", [[Buffer.from("k"), Buffer.from("v")]]]]),
      want: /in\.db is invalid at page 2: a key of bucket key is no revision/,
    },
    {
      name: "a put and a deletion in one",
      file: buildDatabase([
        [
          "key",
          [
            [revision, Buffer.from("v")],
            [Buffer.concat([revision, Buffer.from("t")]), Buffer.from("v")],
          ],
        ],
      ]),
      want: /two records of revision 2\.0/,
    },
    {
      name: "an index beyond what can be counted",
      file: buildDatabase([["meta", [[Buffer.from("consistent_index"), Buffer.alloc(8, 0xff)]]]]),
      want: /consistent_index is no index/,
    },
  ];
  for (const { name, file, want } of cases) {
    const bbolt = path.join(directory, "in.db");
    writeFileSync(bbolt, file);
    await assert.rejects(importDatabase(bbolt, path.join(directory, "new")), want, name);
    rmSync(bbolt);
    assert.deepEqual(readdirSync(directory).sort(), ["db", "db-lock"], name);
  }
  await backend.close();
});

test("buckets that are not etcd's are named and left out", async () => {
  const file = newPath();
  const backend = await open(file);
  await backend.close();
  const bbolt = `${file}.bbolt`;
  const revision = Buffer.from("00000000000000025f0000000000000000", "hex");
  writeFileSync(
    bbolt,
    buildDatabase([
      ["key", [[revision, new Uint8Array(0)]]],
      ["mine", [[Buffer.from("a"), new Uint8Array(5000)]]],
    ]),
  );
  assert.deepEqual(await importDatabase(bbolt, file), { unknownBuckets: ["mine"] });
  const imported = await open(file);
  assert.deepEqual(scanned(imported), ["2.0="]);
  await imported.close();
});

test("a directory of etcd's is recognized by its database, which is kept beside ours", async () => {
  const source = await open(newPath());
  write(source, 1, 300);
  const { file: content } = await exported(source);
  await source.close();
  assert.equal(await importIfBbolt(source.path), undefined);
  assert.equal(await importIfBbolt(newPath()), undefined);
  const file = path.join(path.dirname(source.path), "etcd-db");
  writeFileSync(file, content);
  assert.ok(await isBbolt(file));
  assert.deepEqual(await importIfBbolt(file), { unknownBuckets: [], keptPath: `${file}.bbolt` });
  assert.equal(Buffer.compare(readFileSync(`${file}.bbolt`), content), 0);
  assert.equal(await isBbolt(file), false);
  const adopted = await open(file);
  const model = new EntryModel();
  model.advance(300);
  model.check(adopted);
  await adopted.close();
});
