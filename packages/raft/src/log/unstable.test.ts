import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { silentLogger } from "../logger.ts";
import { type Entry, EntryType, emptyConfState, NO_DATA } from "../types.ts";
import { Unstable } from "./unstable.ts";

const entry = (index: number, term: number): Entry => ({
  type: EntryType.EntryNormal,
  term,
  index,
  data: NO_DATA,
});
const indexes = (entries: readonly Entry[]) => entries.map(({ index, term }) => [index, term]);

/** Entries 5, 6, 7 of term 1, of which all up to `inProgress` were handed out. */
function unstable(inProgress: number): Unstable {
  const result = new Unstable(5, silentLogger);
  const all = [entry(5, 1), entry(6, 1), entry(7, 1)];
  result.truncateAndAppend(all.slice(0, inProgress - 4));
  result.acceptInProgress();
  if (inProgress < 7) result.truncateAndAppend(all, inProgress - 4);
  return result;
}

describe("entries that replace others", () => {
  const cases = [
    { name: "at the end leave the rest alone", inProgress: 7, at: 8, offset: 5, next: [[8, 2]] },
    { name: "that are being written are handed out again", inProgress: 7, at: 6, offset: 5, next: [[6, 2]] },
    {
      name: "that nobody has leave what is being written",
      inProgress: 5,
      at: 7,
      offset: 5,
      next: [
        [6, 1],
        [7, 2],
      ],
    },
    { name: "from the start replace all", inProgress: 6, at: 5, offset: 5, next: [[5, 2]] },
    { name: "that are durable move the start back", inProgress: 6, at: 4, offset: 4, next: [[4, 2]] },
  ];
  for (const { name, inProgress, at, offset, next } of cases) {
    test(name, () => {
      const log = unstable(inProgress);
      log.truncateAndAppend([entry(at, 2)]);
      assert.equal(log.offset, offset);
      assert.deepEqual(indexes(log.nextEntries()), next);
      assert.equal(log.lastIndex(), at);
    });
  }
});

describe("an acknowledged write", () => {
  const cases = [
    { name: "frees what it wrote", index: 6, term: 1, left: 1 },
    { name: "of all frees all", index: 7, term: 1, left: 0 },
    { name: "of another term is ignored", index: 6, term: 2, left: 3 },
    { name: "of what is not there is ignored", index: 9, term: 1, left: 3 },
    { name: "of what is durable already is ignored", index: 4, term: 1, left: 3 },
  ];
  for (const { name, index, term, left } of cases) {
    test(name, () => {
      const log = unstable(7);
      log.stableTo(index, term);
      assert.equal(log.length, left);
      assert.deepEqual(log.nextEntries(), []);
    });
  }

  test("of a snapshot clears that snapshot only", () => {
    const log = unstable(7);
    log.restore({ data: NO_DATA, metadata: { confState: emptyConfState(), index: 9, term: 2 } });
    assert.deepEqual([log.firstIndex(), log.lastIndex(), log.term(9)], [10, 9, 2]);
    log.stableTo(9, 2);
    log.stableSnapshotTo(8);
    assert.equal(log.snapshot?.metadata.index, 9);
    log.acceptInProgress();
    assert.equal(log.nextSnapshot(), undefined);
    log.stableSnapshotTo(9);
    assert.equal(log.snapshot, undefined);
  });
});
