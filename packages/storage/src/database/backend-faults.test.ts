import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { applyEntry, EntryModel } from "../backend/entry-model.testing.ts";
import type { BboltBackend } from "./bbolt-backend.ts";
import { openTested as open } from "./tested-backend.testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-faults-"));
after(() => rmSync(root, { recursive: true, force: true }));

function write(backend: BboltBackend, from: number, to: number): void {
  for (let index = from; index <= to; index++) {
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
}

test("a commit that fails for want of space is reported once, and the file keeps the commit before", async () => {
  const file = path.join(root, "full", "db");
  const script = fileURLToPath(new URL("./full-disk-child.testing.ts", import.meta.url));
  const shell = 'trap "" XFSZ; ulimit -f 3000; exec "$0" "$@"';
  const child = spawnSync("bash", ["-c", shell, process.execPath, script, file], { encoding: "utf8" });
  assert.equal(child.status, 0, child.stderr);
  const { durable, index, message } = JSON.parse(child.stdout);
  assert.ok(durable > 0 && durable < index);
  assert.match(message, /./);
  const backend = await open(file);
  assert.equal(backend.consistentIndex, durable);
  const model = new EntryModel();
  model.advance(durable);
  model.check(backend);
  await backend.close();
});

test("a defragmentation that fails leaves the backend as it was", async () => {
  const file = path.join(root, "defragment", "db");
  const backend = await open(file);
  write(backend, 1, 500);
  backend.commit();
  await backend.flushed();
  const inTheWay = `${file}.tmp.0`;
  mkdirSync(inTheWay);
  await assert.rejects(backend.defragment());
  assert.ok(!readdirSync(path.dirname(file)).some((name) => name.includes(".tmp.")));
  write(backend, 501, 600);
  const model = new EntryModel();
  model.advance(600);
  model.check(backend);
  await backend.defragment();
  model.check(backend);
  await backend.close();
});

test("copies that a crash left are removed at open", async () => {
  const file = path.join(root, "left", "db");
  mkdirSync(`${file}.tmp.1.0`, { recursive: true });
  writeFileSync(`${file}.tmp.2.0`, "half");
  writeFileSync(`${file}.tmp.2.0-lock`, "");
  const backend = await open(file);
  assert.ok(!readdirSync(path.dirname(file)).some((name) => name.includes(".tmp.")));
  await backend.close();
});

test("entries written during a defragmentation are in the new file, deleted ones are not", async () => {
  const file = path.join(root, "meanwhile", "db");
  let backend = await open(file);
  const model = new EntryModel();
  let index = 0;
  for (let round = 0; round < 5; round++) {
    let done = false;
    const defragmented = backend.defragment().then(() => {
      done = true;
    });
    while (!done) {
      write(backend, index + 1, index + 50);
      index += 50;
      if (index % 200 === 0) backend.commit();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await defragmented;
    model.advance(index);
    model.check(backend);
  }
  await backend.close();
  backend = await open(file);
  assert.equal(backend.consistentIndex, index);
  model.check(backend);
  await backend.close();
});

test("closing during a defragmentation gives it up and keeps everything", async () => {
  const file = path.join(root, "closed", "db");
  let backend = await open(file);
  write(backend, 1, 2000);
  backend.commit();
  await backend.flushed();
  const defragmented = backend.defragment();
  write(backend, 2001, 2100);
  await Promise.all([assert.rejects(defragmented, /abandoned/), backend.close()]);
  backend = await open(file);
  const model = new EntryModel();
  model.advance(2100);
  model.check(backend);
  await backend.close();
});
