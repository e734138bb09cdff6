import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { temporaryDir } from "@quorate/testkit/process";
import { applyEntry } from "../backend/entry-model.testing.ts";
import type { BboltBackend } from "./bbolt-backend.ts";
import { openTested } from "./tested-backend.testing.ts";

const root = temporaryDir("scrubbing");
const STEP_BYTES = 64 << 10;

async function written(name: string, entries: number): Promise<BboltBackend> {
  const backend = await openTested(path.join(root, name, "db"));
  for (let index = 1; index <= entries; index++) {
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
  backend.commit();
  await backend.flushed();
  return backend;
}

/** To the end of the file; how many pages were looked at. Fails when one is damaged. */
async function pass(backend: BboltBackend): Promise<number> {
  for (let pages = 0; ; ) {
    const step = await backend.scrub(STEP_BYTES);
    assert.equal(step.fault, undefined);
    pages += step.pages;
    if (step.isEnd) return pages;
  }
}

const pagesInUse = (backend: BboltBackend): number => backend.sizeInUseBytes / 4096 - 2;

test("a scrub looks at each page in use, and is counted", async () => {
  const backend = await written("sound", 1_000);
  assert.equal(await pass(backend), pagesInUse(backend));
  assert.equal(backend.counts.scrubbedPages, pagesInUse(backend));
  await backend.close();
});

test("while a file is about to take another one's place nothing is looked at, and then the new one is", async () => {
  const backend = await written("replaced", 2_000);
  const before = await backend.scrub(STEP_BYTES);
  assert.ok(before.pages > 0);
  const defragmented = backend.defragment();
  assert.deepEqual(await backend.scrub(STEP_BYTES), { pages: 0, isEnd: false, fault: undefined });
  await defragmented;
  assert.equal(await pass(backend), pagesInUse(backend), "from its beginning");
  await backend.close();
});

test("a step that is under way when its file is replaced or closed comes to an end", async () => {
  const backend = await written("under-way", 2_000);
  const step = backend.scrub(STEP_BYTES);
  await backend.defragment();
  assert.ok((await step).pages > 0);
  const last = backend.scrub(STEP_BYTES);
  await backend.close();
  assert.ok((await last).pages > 0);
});

test("a damaged page is a fault with file, page and offset, again and again", async () => {
  const backend = await written("damaged", 1_000);
  const at = readFileSync(backend.path).lastIndexOf(Buffer.from("5f0000000000000001", "hex"));
  assert.ok(at > 0, "a key of the last records");
  const descriptor = openSync(backend.path, "r+");
  writeSync(descriptor, "!", at);
  closeSync(descriptor);
  const faults: (string | undefined)[] = [];
  for (let i = 0; i < 1_000 && faults.length < 2; i++) {
    const { fault, isEnd } = await backend.scrub(STEP_BYTES);
    if (fault !== undefined) faults.push(fault);
    else assert.ok(!isEnd, "the damage was passed over");
  }
  assert.equal(faults.length, 2);
  assert.equal(faults[0], faults[1]);
  assert.match(
    faults[0]!,
    new RegExp(`${backend.path} is invalid at page \\d+ \\(offset \\d+\\): its checksum`),
  );
  await backend.close();
});
