import assert from "node:assert/strict";
import { test } from "node:test";
import { findStart } from "./snapshot-records.ts";
import { CountingDisk, entry, METADATA, simulatedDisk, snapshotAt } from "./testing.ts";
import { Wal } from "./wal.ts";

type Step =
  | { readonly entries: readonly [from: number, to: number, term: number] }
  | { readonly snapshot: [index: number, term: number] };

const CASES: readonly { name: string; steps: readonly Step[]; start: number; want: readonly number[] }[] = [
  {
    name: "a snapshot of the member's own state leaves the entries behind it",
    steps: [{ entries: [1, 20, 2] }, { snapshot: [10, 2] }],
    start: 10,
    want: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
  },
  {
    name: "a received one takes the place of an uncommitted end that reaches beyond it",
    steps: [{ entries: [1, 20, 2] }, { snapshot: [10, 3] }],
    start: 10,
    want: [],
  },
  {
    name: "what a leader sent after a received one goes on behind it",
    steps: [{ entries: [1, 20, 2] }, { snapshot: [10, 3] }, { entries: [11, 12, 3] }],
    start: 10,
    want: [11, 12],
  },
  {
    name: "an end that a later leader has cut off counts no more, wherever it began",
    steps: [{ entries: [1, 20, 2] }, { entries: [8, 9, 3] }, { snapshot: [10, 3] }],
    start: 10,
    want: [],
  },
  {
    name: "the member's own snapshot after a received one counts like any other",
    steps: [{ entries: [1, 20, 2] }, { snapshot: [10, 3] }, { entries: [11, 14, 3] }, { snapshot: [12, 3] }],
    start: 12,
    want: [13, 14],
  },
];

// Long entries come in several pieces of the segment, short ones in one.
for (const dataBytes of [10, 53_000]) {
  for (const { name, steps, start, want } of CASES) {
    test(`${name}, with entries of ${dataBytes} bytes`, async () => {
      const disk = simulatedDisk().mount();
      const wal = await Wal.create(disk, "wal", METADATA);
      let commit = 0;
      for (const step of steps) {
        if ("entries" in step) {
          const [from, to, term] = step.entries;
          const indexes = Array.from({ length: to - from + 1 }, (_, i) => from + i);
          wal.save(
            { term, vote: 0n, commit },
            indexes.map((index) => entry(index, term, new Uint8Array(dataBytes))),
          );
        } else {
          const [index, term] = step.snapshot;
          await wal.saveSnapshot(snapshotAt(index, term));
          commit = index;
          wal.save({ term, vote: 0n, commit }, []);
        }
      }
      await wal.close();
      const { snapshot, surveys } = await findStart(disk, "wal");
      assert.equal(snapshot.index, start);
      for (const known of [surveys, []]) {
        const counting = new CountingDisk(disk);
        const opened = await Wal.open(counting.disk, "wal", snapshot, { surveys: known });
        assert.equal(counting.bytesRead === 0, known === surveys, "what was read is not read again");
        assert.deepEqual(
          opened.content.entries.map(({ index }) => index),
          want,
        );
        await opened.wal.close();
      }
    });
  }
}
