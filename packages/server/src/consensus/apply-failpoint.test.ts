import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, EntryType } from "@quorate/raft";
import { Failpoints } from "@quorate/storage/failpoints";
import { ManualClock } from "@quorate/testkit/clock";
import { ApplyFailpoint } from "./apply-failpoint.ts";

const entry = (index: number, type: EntryType = EntryType.EntryNormal): Entry => ({
  index,
  term: 1,
  type,
  data: new Uint8Array(0),
});

const cases: { name: string; terms: Record<string, string>; entries: Entry[]; held: number[] }[] = [
  { name: "without terms nothing is held", terms: {}, entries: [entry(1), entry(2)], held: [] },
  {
    name: "each entry sleeps before it takes effect",
    terms: { beforeApplyOneEntryNormal: "sleep(100)" },
    entries: [entry(1), entry(2), entry(3, EntryType.EntryConfChange)],
    held: [1, 2],
  },
  {
    name: "a count limits how many do",
    terms: { beforeApplyOneEntryNormal: "1*off->1*sleep(100)" },
    entries: [entry(1), entry(2), entry(3)],
    held: [2],
  },
  {
    name: "a change of the members has a point of its own",
    terms: { beforeApplyOneConfChange: "sleep(100)" },
    entries: [entry(1), entry(2, EntryType.EntryConfChange), entry(3)],
    held: [2],
  },
];
for (const { name, terms, entries, held } of cases) {
  test(name, () => {
    const points = new Failpoints();
    for (const [point, text] of Object.entries(terms)) points.enable(point, text);
    const clock = new ManualClock();
    let overs = 0;
    const failpoint = new ApplyFailpoint(points, clock, () => {
      overs++;
    });
    const found: number[] = [];
    for (const next of entries) {
      if (!failpoint.holds(next)) continue;
      found.push(next.index);
      clock.advance(99);
      assert.ok(failpoint.holds(next), "whoever asks again hears the same");
      clock.advance(1);
      assert.ok(!failpoint.holds(next), "it passes once");
    }
    assert.deepEqual([found, overs], [held, held.length]);
  });
}
