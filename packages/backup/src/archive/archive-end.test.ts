import assert from "node:assert/strict";
import { test } from "node:test";
import { loadChains } from "../catalog/catalog.ts";
import { snapshotName } from "../catalog/names.ts";
import { CHAIN, CLUSTER, MemoryStore, putSegment } from "../testing.ts";
import { archiveEnd } from "./archive-end.ts";

const A = "0000000a";
const B = "0000000b";
const cases: {
  name: string;
  segments: [writer: string, revisions: number[]][];
  snapshots: number[];
  want: number;
  events: number;
}[] = [
  {
    name: "without segments it is the first snapshot's",
    segments: [],
    snapshots: [5, 9],
    want: 5,
    events: 0,
  },
  {
    name: "it is the last segment's",
    segments: [
      [A, [6, 7]],
      [A, [8, 9]],
    ],
    snapshots: [5],
    want: 9,
    events: 1,
  },
  {
    name: "a snapshot that is ahead of it does not count",
    segments: [[A, [6, 7]]],
    snapshots: [5, 9],
    want: 7,
    events: 1,
  },
  {
    name: "a writer that begins earlier may end later",
    segments: [
      [A, [6, 7, 8]],
      [B, [7]],
    ],
    snapshots: [5],
    want: 8,
    events: 1,
  },
];
for (const { name, segments, snapshots, want, events } of cases) {
  test(`the end of an archive: ${name}`, async () => {
    const store = new MemoryStore();
    for (const [writer, revisions] of segments) await putSegment(store, revisions, { writer });
    for (const revision of snapshots)
      store.objects.set(snapshotName(CLUSTER, CHAIN, revision, 1_000).name, Buffer.alloc(1));
    const [chain] = await loadChains(store);
    const end = await archiveEnd(store, chain!, undefined);
    assert.deepEqual([end.revision, end.events.length], [want, events]);
  });
}
