import assert from "node:assert/strict";
import { test } from "node:test";
import { loadChains } from "../catalog/catalog.ts";
import { MemoryStore, putSegment } from "../testing.ts";
import { readArchive } from "./read-archive.ts";

async function revisionsBehind(
  store: MemoryStore,
  after: number,
): Promise<{ revisions: number[]; read: number }> {
  const [chain] = await loadChains(store);
  const revisions: number[] = [];
  let read = 0;
  for await (const item of readArchive(store, chain!, after, undefined, () => read++))
    if (item.kind === "changes") revisions.push(item.revision);
  return { revisions, read };
}

interface Segment {
  readonly revisions: readonly number[];
  readonly writer?: string;
}
const A = "0000000a";
const B = "0000000b";
const cases: { name: string; segments: readonly Segment[]; after: number; want: number[]; read: number }[] = [
  {
    name: "segments that follow each other are one archive",
    segments: [{ revisions: [2, 3] }, { revisions: [4] }, { revisions: [5, 6] }],
    after: 1,
    want: [2, 3, 4, 5, 6],
    read: 3,
  },
  {
    name: "those that end before where it begins are not read",
    segments: [{ revisions: [2, 3] }, { revisions: [4] }, { revisions: [5, 6] }],
    after: 5,
    want: [6],
    read: 1,
  },
  {
    name: "what two writers have archived is there once",
    segments: [
      { revisions: [2, 3, 4, 5], writer: A },
      { revisions: [3, 4], writer: B },
      { revisions: [5, 6, 7], writer: B },
      { revisions: [6], writer: A },
    ],
    after: 1,
    want: [2, 3, 4, 5, 6, 7],
    read: 4,
  },
];
for (const { name, segments, after, want, read } of cases) {
  test(name, async () => {
    const store = new MemoryStore();
    for (const { revisions, writer = A } of segments) await putSegment(store, revisions, { writer });
    assert.deepEqual(await revisionsBehind(store, after), { revisions: want, read });
  });
}

test("revisions that are missing are told with the objects between which they were", async () => {
  const store = new MemoryStore();
  const first = await putSegment(store, [2, 3]);
  const between = await putSegment(store, [4, 5]);
  const last = await putSegment(store, [6]);
  store.objects.delete(between);
  const message = `revisions 4 to 5 are missing from the archive of chain 01700000000000-0000000a, between ${first} and ${last}`;
  await assert.rejects(revisionsBehind(store, 1), { code: "NOT_KEPT", message });
  store.objects.delete(first);
  await assert.rejects(revisionsBehind(store, 1), {
    code: "NOT_KEPT",
    message: /revisions 2 to 5 are missing.*before /,
  });
});

test("a segment that another one has been copied over is found", async () => {
  const store = new MemoryStore();
  await putSegment(store, [4, 5], { head: { after: 7 } });
  await assert.rejects(revisionsBehind(store, 3), {
    code: "DAMAGED",
    message: /has the content of another object/,
  });
});
