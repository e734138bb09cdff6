import assert from "node:assert/strict";
import { test } from "node:test";
import { CHAIN, CLUSTER, MemoryStore } from "../testing.ts";
import { loadChains } from "./catalog.ts";
import { chainName, segmentName, snapshotName } from "./names.ts";
import { outdated, prune } from "./retention.ts";

const LATER = chainName(1_700_000_500_000, "0000000b");
/** A snapshot each minute, at revisions 10, 20, ... */
const taken = (minute: number) => snapshotName(CLUSTER, CHAIN, 10 * minute, minute * 60_000).name;
const segment = (first: number, writer = "0000000a", chain = CHAIN) =>
  segmentName(CLUSTER, chain, first, writer).name;
const later = snapshotName(CLUSTER, LATER, 90, 9 * 60_000).name;
const MINUTES = 60_000;

const cases: { name: string; there: string[]; snapshots: number; ageMs: number; removed: string[] }[] = [
  {
    name: "nothing is outdated while there are few",
    there: [taken(1), taken(2)],
    snapshots: 2,
    ageMs: 0,
    removed: [],
  },
  {
    name: "snapshots go when there are enough newer ones",
    there: [taken(1), taken(2), taken(3)],
    snapshots: 1,
    ageMs: 0,
    removed: [taken(1), taken(2)],
  },
  {
    name: "young ones stay, however many",
    there: [taken(1), taken(8), taken(9)],
    snapshots: 1,
    ageMs: 3 * MINUTES,
    removed: [taken(1)],
  },
  {
    name: "segments go that only snapshots needed which go as well",
    there: [taken(1), taken(2), segment(11), segment(15), segment(22)],
    snapshots: 1,
    ageMs: 0,
    removed: [taken(1), segment(11)],
  },
  {
    name: "of each writer the segment stays in which a snapshot lies",
    there: [taken(2), segment(5, "0000000a"), segment(9, "0000000b"), segment(21, "0000000b")],
    snapshots: 1,
    ageMs: 0,
    removed: [segment(9, "0000000b")],
  },
  {
    name: "a chain goes with its last snapshot",
    there: [taken(1), segment(11), later, segment(91, "0000000a", LATER)],
    snapshots: 1,
    ageMs: 0,
    removed: [taken(1), segment(11)],
  },
  {
    name: "the newest snapshot stays, and a chain whose first one is under way",
    there: [taken(1), segment(91, "0000000a", LATER)],
    snapshots: 0,
    ageMs: 0,
    removed: [],
  },
];
for (const { name, there, snapshots, ageMs, removed } of cases) {
  test(name, async () => {
    const store = new MemoryStore();
    for (const object of there) store.objects.set(object, Buffer.alloc(1));
    store.objects.set("something/else", Buffer.alloc(1));
    const chains = await loadChains(store);
    assert.deepEqual(outdated(chains, { snapshots, ageMs }, 10 * MINUTES).sort(), removed.sort());
    await prune(store, chains, { snapshots, ageMs }, 10 * MINUTES);
    const left = [...there.filter((object) => !removed.includes(object)), "something/else"];
    assert.deepEqual([...store.objects.keys()].sort(), left.sort());
  });
}
