import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { fc } from "@quorate/testkit/property";
import { searchRuns } from "@quorate/testkit/seed";
import { MemoryBackend } from "../backend/memory-backend.ts";
import type { Backend, Table } from "../seams/backend.ts";
import type { BboltBackend } from "./bbolt-backend.ts";
import { openTested } from "./tested-backend.testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-property-"));
after(() => rmSync(root, { recursive: true, force: true }));
let files = 0;

type Step =
  | { kind: "put"; mainStep: number; subs: number; tombstone: boolean; length: number }
  | { kind: "deleteRevision"; back: number; sub: number; tombstone: boolean }
  | { kind: "entry"; table: Table; key: number; length: number }
  | { kind: "deleteEntry"; table: Table; key: number }
  | { kind: "endEntry" | "commit" | "flush" | "interval" | "reopen" | "defragment" | "turn" }
  | { kind: "scan"; back: number; ahead: number };

const table = fc.constantFrom<Table>("lease", "alarm", "authUsers");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      mainStep: fc.integer({ min: 0, max: 3 }),
      subs: fc.integer({ min: 1, max: 20 }),
      tombstone: fc.boolean(),
      length: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.constantFrom(1330, 2033, 2034, 4072, 9000)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("deleteRevision" as const),
      back: fc.integer({ min: 0, max: 30 }),
      sub: fc.integer({ min: 0, max: 20 }),
      tombstone: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("entry" as const),
      table,
      key: fc.integer({ min: 0, max: 40 }),
      length: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("deleteEntry" as const),
      table,
      key: fc.integer({ min: 0, max: 40 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(["endEntry", "endEntry", "commit", "flush", "interval", "reopen", "defragment", "turn"] as const),
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("scan" as const),
      back: fc.integer({ min: 0, max: 60 }),
      ahead: fc.integer({ min: 0, max: 60 }),
    }),
  },
);

const keyOf = (key: number): Uint8Array => new Uint8Array(key * 30 + 1).fill(key);

function content(backend: Backend, fromMain: number, toMain: number): string[] {
  const found: string[] = [];
  for (const { main, sub, tombstone, record } of backend.scanRevisions(fromMain, toMain)) {
    found.push(`${main}.${sub}.${tombstone}.${record.length}.${record[0]}`);
  }
  return found;
}

const openFile = (file: string, clock: ManualClock): Promise<BboltBackend> =>
  openTested(file, { clock, batchLimit: 50, batchBytes: 4000 });

/** Both backends, in step: the one in memory, with all it holds in arrays and maps, is the model. */
async function run(steps: Step[]): Promise<void> {
  const clock = ManualClock.withRealTurns();
  const memory = new MemoryBackend({ clock });
  const file = path.join(root, `${files++}`, "db");
  let backend = await openFile(file, clock);
  let index = 0;
  let main = 1;
  const both = (effect: (subject: Backend) => void): void => {
    effect(memory);
    effect(backend);
  };
  const beginEntry = (): void => {
    index++;
    both((subject) => subject.setConsistentIndex(index, 1));
  };
  const defragmentations: Promise<void>[] = [];
  beginEntry();
  for (const action of steps) {
    if (action.kind === "put") {
      main += 1 + action.mainStep;
      for (let sub = 0; sub < action.subs; sub++) {
        const record = new Uint8Array(action.length).fill(main + sub);
        both((subject) => subject.putRevision(main, sub, action.tombstone, record));
      }
    } else if (action.kind === "deleteRevision") {
      both((subject) => subject.deleteRevision(main - action.back, action.sub, action.tombstone));
    } else if (action.kind === "entry") {
      const value = new Uint8Array(action.length).fill(index);
      both((subject) => subject.put(action.table, keyOf(action.key), value));
    } else if (action.kind === "deleteEntry") {
      both((subject) => subject.delete(action.table, keyOf(action.key)));
    } else if (action.kind === "endEntry") {
      both((subject) => subject.entryApplied());
      beginEntry();
    } else if (action.kind === "commit") {
      both((subject) => subject.commit());
      beginEntry();
    } else if (action.kind === "flush") {
      both((subject) => subject.commit());
      await backend.flushed();
      beginEntry();
    } else if (action.kind === "interval") {
      clock.advance(200);
    } else if (action.kind === "reopen") {
      await backend.close();
      backend = await openFile(file, clock);
      assert.equal(backend.consistentIndex, index);
    } else if (action.kind === "defragment") {
      defragmentations.push(backend.defragment());
    } else if (action.kind === "turn") {
      await new Promise((resolve) => setImmediate(resolve));
    } else if (action.kind === "scan") {
      const from = main - action.back;
      assert.deepEqual(
        content(backend, from, from + action.ahead),
        content(memory, from, from + action.ahead),
      );
    }
    for (const sub of [0, 1, 7]) {
      assert.equal(backend.getRevision(main, sub)?.length, memory.getRevision(main, sub)?.length);
      assert.equal(backend.getTombstone(main - 3, sub)?.length, memory.getTombstone(main - 3, sub)?.length);
    }
    assert.deepEqual(backend.lastRevision(), memory.lastRevision());
  }
  const outcomes = await Promise.allSettled(defragmentations);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") assert.match(String(outcome.reason), /abandoned/);
  }
  both((subject) => subject.commit());
  for (const name of ["lease", "alarm", "authUsers"] as const) {
    assert.deepEqual(backend.entries(name), memory.entries(name));
  }
  await backend.close();
  backend = await openFile(file, clock);
  assert.deepEqual(content(backend, 0, main), content(memory, 0, main));
  for (const name of ["lease", "alarm", "authUsers"] as const) {
    assert.deepEqual(backend.entries(name), memory.entries(name));
    for (const key of [0, 1, 33, 34, 35, 40]) {
      assert.deepEqual(backend.get(name, keyOf(key)), memory.get(name, keyOf(key)));
    }
  }
  await backend.close();
}

test("the backend on disk always shows what the one in memory shows", () =>
  fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), run), {
    numRuns: searchRuns(20, 60),
  }));
