import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { realClock } from "../seams/real-clock.ts";
import { exported } from "./backend-contract.testing.ts";
import { applyEntry } from "./entry-model.testing.ts";
import { importDatabase } from "./import-database.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { MemoryBackend } from "./memory-backend.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-inspect-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** A database as members send it, after 500 entries. */
async function sentDatabase(): Promise<Uint8Array> {
  const backend = new MemoryBackend({ clock: realClock, flushMs: 0 });
  for (let index = 1; index <= 500; index++) {
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
  return (await exported(backend)).file;
}

test("a sound database tells the last entry that it reflects, and stays as it is", async () => {
  const file = path.join(root, "sound");
  const bytes = await sentDatabase();
  writeFileSync(file, bytes);
  assert.deepEqual(await inspectDatabase(file), { consistentIndex: 500 });
  assert.ok(Buffer.from(bytes).equals(readFileSync(file)));
});

test("what an import would refuse is a fault, wherever the file is damaged", async () => {
  const bytes = await sentDatabase();
  let faults = 0;
  const pages = Math.floor(bytes.length / 4096);
  for (let page = 2; page < pages; page += Math.ceil(pages / 8)) {
    const file = path.join(root, `damaged-${page}`);
    const damaged = Buffer.from(bytes);
    damaged.fill(0, page * 4096, (page + 1) * 4096);
    writeFileSync(file, damaged);
    const imported = await importDatabase(file, path.join(root, "db")).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const found = await inspectDatabase(file);
    assert.equal("fault" in found ? found.fault : undefined, imported, `page ${page}`);
    if (imported !== undefined) faults++;
  }
  assert.ok(faults > 2, `${faults} faults`);
});

for (const [what, length] of [
  ["cut short", 40_000],
  ["empty", 0],
] as const) {
  test(`a database that is ${what} is a fault`, async () => {
    const file = path.join(root, what);
    writeFileSync(file, (await sentDatabase()).subarray(0, length));
    assert.match(((await inspectDatabase(file)) as { fault: string }).fault, /is invalid at page/);
  });
}

test("one that cannot be read is no fault of its content", async () => {
  await assert.rejects(inspectDatabase(path.join(root, "none")), /ENOENT/);
});
