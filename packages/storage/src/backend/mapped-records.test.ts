import { strict as assert } from "node:assert";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { RecordSink } from "../seams/backend.ts";
import { realClock } from "../seams/real-clock.ts";
import { BackendCorruptionError } from "./corruption.ts";
import { LmdbBackend } from "./lmdb-backend.ts";
import { MappedRecords } from "./mapped-records.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-mapped-"));
after(() => rmSync(root, { recursive: true, force: true }));

const open = (name: string) =>
  LmdbBackend.open({
    path: path.join(root, name, "db"),
    clock: realClock,
    onFatal: (error) => {
      throw error;
    },
  });

/** Gaps, several changes of one revision, tombstones, and records of all sizes, some in overflow runs. */
function* revisions(
  first: number,
): Generator<{ main: number; sub: number; tombstone: boolean; bytes: number }> {
  for (let i = 0, main = first; i < 12_000; i++, main += i % 97 === 0 ? 50 : 1) {
    for (let sub = 0; sub <= (i % 41 === 0 ? 5 : 0); sub++) {
      yield { main, sub, tombstone: i % 13 === 0, bytes: i % 500 === 0 ? 9000 : (i * 31) % 400 };
    }
  }
}

const recordOf = (main: number, sub: number, bytes: number) =>
  new Uint8Array(Buffer.alloc(bytes + 1, `${main}/${sub} `));

for (const first of [1, 2 ** 32 - 3000, 2 ** 40]) {
  test(`every committed record is found from revision ${first} on, whatever the order of asking`, async () => {
    const backend = await open(String(first));
    const all = [...revisions(first)];
    for (const { main, sub, tombstone, bytes } of all)
      backend.putRevision(main, sub, tombstone, recordOf(main, sub, bytes));
    backend.commit();
    await backend.flushed();
    const deleted = all.filter((_, i) => i % 29 === 3);
    for (const { main, sub, tombstone } of deleted) backend.deleteRevision(main, sub, tombstone);
    backend.commit();
    await backend.flushed();
    const gone = new Set(deleted);
    const shuffled = all.toSorted((a, b) => ((a.main * 7919) % 10_007) - ((b.main * 7919) % 10_007));
    for (const order of [all, all.toReversed(), shuffled]) {
      for (const each of order) {
        const { main, sub, tombstone, bytes } = each;
        const wanted = gone.has(each) ? undefined : recordOf(main, sub, bytes);
        const found = tombstone ? backend.getTombstone(main, sub) : backend.getRevision(main, sub);
        assert.deepEqual(found && Buffer.from(found), wanted && Buffer.from(wanted));
        const other = tombstone ? backend.getRevision(main, sub) : backend.getTombstone(main, sub);
        assert.equal(other, undefined);
        assert.equal(backend.getRevision(main, sub + 10), undefined);
      }
    }
    const scanned = [...backend.scanRevisions(0, Number.MAX_SAFE_INTEGER)].map(
      ({ main, sub }) => `${main}/${sub}`,
    );
    assert.deepEqual(
      scanned,
      all.filter((each) => !gone.has(each)).map(({ main, sub }) => `${main}/${sub}`),
    );
    await backend.close();
  });
}

test("most records of a file are found in the map", async (t) => {
  const backend = await open("counted");
  const find = t.mock.method(MappedRecords.prototype, "find");
  for (let main = 1; main <= 5000; main++) backend.putRevision(main, 0, false, recordOf(main, 0, 300));
  backend.commit();
  await backend.flushed();
  for (let main = 1; main <= 5000; main++) assert.ok(backend.getRevision(main, 0) !== undefined);
  const found = find.mock.calls.filter((call) => call.result === true).length;
  // Without a map at all (its address was not found) reads go another way, and are as right.
  assert.ok(found === 5000 || found === 0, `${found} of 5000`);
  if (found === 0) t.diagnostic("no map here");
  await backend.close();
});

test("a record that changes in the file is not served", async () => {
  const backend = await open("flipped");
  const mains = Float64Array.from({ length: 3000 }, (_, i) => i + 1);
  const subs = new Int32Array(3000);
  for (const main of mains) backend.putRevision(main, 0, false, recordOf(main, 0, 300));
  backend.commit();
  await backend.flushed();
  const file = path.join(root, "flipped", "db");
  const at = readFileSync(file).indexOf(Buffer.from("2000/0 2000/0 "));
  const fd = openSync(file, "r+");
  writeSync(fd, "!", at + 100);
  closeSync(fd);
  const list = new Records();
  let copied = 0;
  while (copied < 1999) copied = backend.copyRevisions(mains, subs, copied, 1999, list);
  assert.throws(() => {
    while (copied < 3000) copied = backend.copyRevisions(mains, subs, copied, 3000, list);
  }, BackendCorruptionError);
  assert.equal(list.records.length, 1999);
  list.records.forEach((record, i) => {
    assert.deepEqual(Buffer.from(record), Buffer.from(recordOf(i + 1, 0, 300)));
  });
  assert.throws(() => backend.getRevision(2000, 0), BackendCorruptionError);
  await backend.close();
});

/** Each record in a buffer of its own. */
class Records implements RecordSink {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  readonly records: Uint8Array[] = [];

  begin(length: number): number {
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
    this.records.push(this.bytes);
    return 0;
  }

  takeBack(): void {
    this.records.pop();
  }
}
