import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { SeededRandom } from "@quorate/testkit/random";
import { compareBytes } from "../../keys/bytes.ts";
import { KeyIndex } from "./key-index.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const KEY = bytes("k");
type Revision = readonly [main: number, sub: number, tombstone?: "t"];

function indexOf(revisions: readonly Revision[]): KeyIndex {
  const index = new KeyIndex();
  for (const [main, sub, tombstone] of revisions) {
    if (tombstone === undefined) index.put(KEY, main, sub, false);
    else index.tombstone(KEY, index.findLive(KEY), main, sub);
  }
  return index;
}

function finish(index: KeyIndex, compactMain: number): void {
  index.beginCompaction(compactMain);
  while (!index.compactStep(1));
}

function revisionsOf(index: KeyIndex): string {
  const id = index.find(KEY);
  if (id < 0) return "gone";
  const seen: string[] = [];
  index.visitRevisionsFrom(id, 0, (main, sub, tombstone) => {
    seen.push(`${main}${sub > 0 ? `.${sub}` : ""}${tombstone ? "t" : ""}`);
    return true;
  });
  return seen.join(" ");
}

const LIFE: Revision[] = [
  [2, 0],
  [4, 0],
  [6, 0, "t"],
  [8, 0],
  [10, 0],
  [12, 0, "t"],
  [14, 0],
  [15, 1],
  [16, 0, "t"],
];
const ALL = "2 4 6t 8 10 12t 14 15.1 16t";
const compactions = [
  { at: 1, kept: "", hashed: "", left: ALL },
  { at: 2, kept: "2", hashed: "2", left: ALL },
  { at: 3, kept: "2", hashed: "2", left: ALL },
  { at: 4, kept: "4", hashed: "4", left: "4 6t 8 10 12t 14 15.1 16t" },
  { at: 5, kept: "4", hashed: "4", left: "4 6t 8 10 12t 14 15.1 16t" },
  { at: 6, kept: "6t", hashed: "", left: "6t 8 10 12t 14 15.1 16t" },
  { at: 7, kept: "", hashed: "", left: "8 10 12t 14 15.1 16t" },
  { at: 10, kept: "10", hashed: "10", left: "10 12t 14 15.1 16t" },
  { at: 11, kept: "10", hashed: "10", left: "10 12t 14 15.1 16t" },
  { at: 12, kept: "12t", hashed: "", left: "12t 14 15.1 16t" },
  { at: 15, kept: "15.1", hashed: "15.1", left: "15.1 16t" },
  { at: 16, kept: "16t", hashed: "", left: "16t" },
  { at: 17, kept: "", hashed: "", left: "gone" },
];
for (const { at, kept, hashed, left } of compactions) {
  test(`a compaction at ${at} keeps "${kept}", a hash there covers "${hashed}"`, () => {
    const index = indexOf(LIFE);
    const name = ([main, sub, tombstone]: Revision) => `${main}${sub > 0 ? `.${sub}` : ""}${tombstone ?? ""}`;
    const through = LIFE.filter(([main]) => main <= at);
    const seenKept = () =>
      through
        .filter(([main, sub]) => index.isKept(KEY, main, sub, at))
        .map(name)
        .join(" ");
    assert.equal(seenKept(), kept);
    const visible = () =>
      through
        .filter(([main, sub]) => index.isVisible(KEY, main, sub, at))
        .map(name)
        .join(" ");
    assert.equal(visible(), hashed);
    finish(index, at);
    assert.equal(revisionsOf(index), left);
    assert.equal(seenKept(), kept);
    assert.equal(visible(), hashed);
    index.check();
  });
}

for (const { name, life, at, left } of [
  {
    name: "deleted and written again by one transaction: the tombstone and the newest record stay",
    life: [
      [2, 0],
      [3, 0, "t"],
      [3, 1],
    ] as Revision[],
    at: 3,
    left: "3t 3.1",
  },
  {
    name: "deleted, written and deleted by one transaction",
    life: [
      [2, 0],
      [3, 0, "t"],
      [3, 1],
      [3, 2, "t"],
    ] as Revision[],
    at: 3,
    left: "3t 3.2t",
  },
  {
    name: "written and deleted by one transaction: the tombstone stays",
    life: [
      [3, 0],
      [3, 1, "t"],
      [5, 0],
    ] as Revision[],
    at: 3,
    left: "3.1t 5",
  },
  {
    name: "deleted and written again by one transaction, with later changes",
    life: [
      [2, 0],
      [3, 0, "t"],
      [3, 1],
      [3, 2],
      [4, 0],
    ] as Revision[],
    at: 3,
    left: "3t 3.2 4",
  },
]) {
  test(`compaction of a key ${name}`, () => {
    const index = indexOf(life);
    finish(index, at);
    assert.equal(revisionsOf(index), left);
  });
}

test("a key with very many revisions is found at each of them, and shrinks again", () => {
  const index = new KeyIndex();
  for (let main = 2; main <= 10_001; main++) index.put(KEY, main, 0, false);
  const id = index.find(KEY);
  assert.equal(index.entries.version(id), 10_000);
  const found = { main: 0, sub: 0 };
  for (const at of [2, 3, 500, 513, 514, 9_999, 10_000, 10_001, 20_000]) {
    assert.equal(index.findAt(id, at, found), true);
    assert.equal(found.main, Math.min(at, 10_001));
  }
  finish(index, 5_000);
  assert.equal(index.findAt(id, 4_999, found), false);
  assert.equal(index.findAt(id, 5_000, found) && found.main, 5_000);
  finish(index, 9_995);
  assert.equal(revisionsOf(index), "9995 9996 9997 9998 9999 10000 10001");
  finish(index, 10_001);
  assert.equal(revisionsOf(index), "10001");
  assert.equal(index.changedCount, 0);
});

test("hostile keys: empty, long, very long, all 0xff, prefixes of each other", () => {
  const index = new KeyIndex();
  const keys = [
    new Uint8Array(0),
    bytes("\0"),
    bytes("\0\0"),
    bytes("a"),
    bytes("a\0"),
    bytes("aa"),
    new Uint8Array(127).fill(97),
    new Uint8Array(128).fill(97),
    new Uint8Array(20_000).fill(97),
    new Uint8Array(65_535).fill(97),
    new Uint8Array(65_536).fill(97),
    new Uint8Array(2 ** 20).fill(97),
    bytes("\xff"),
    bytes("\xff\xff"),
    new Uint8Array(300).fill(255),
  ];
  keys.forEach((key, i) => {
    index.put(key, i + 2, 0, false);
  });
  index.check();
  const walked: Uint8Array[] = [];
  for (const walk = index.walk(new Uint8Array(0), undefined); walk.leaf !== undefined; walk.next()) {
    walked.push(index.entries.borrowKey(walk.id()));
  }
  assert.deepEqual(walked, keys.toSorted(compareBytes));
  keys.forEach((key, i) => {
    assert.equal(index.entries.modMain(index.findLive(key)), i + 2);
    index.tombstone(key, index.findLive(key), 100 + i, 0);
  });
  finish(index, 200);
  assert.equal(index.entryCount, 0);
  keys.forEach((key, i) => {
    index.put(key, i + 300, 0, false);
  });
  index.check();
});

test("a large index agrees with a sorted list while keys come, go and are compacted", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.constantFrom(300, 3_000, 60_000), (seed, space) => {
      const random = new SeededRandom(seed);
      const index = new KeyIndex(seed, 7);
      const live = new Map<string, number>();
      const keyOf = (i: number) =>
        i % 3 === 0 ? `/registry/pods/${i}` : i % 3 === 1 ? `${i}`.padStart(30, "0") : `${i}`;
      let main = 2;
      for (let round = 0; round < 6; round++) {
        for (let i = 0; i < 4_000; i++, main++) {
          const key = keyOf(random.below(space));
          const id = index.findLive(bytes(key));
          assert.equal(id >= 0, live.has(key));
          if (id >= 0 && random.below(10) < (round % 2 === 0 ? 3 : 8)) {
            index.tombstone(bytes(key), id, main, 0);
            live.delete(key);
          } else if (id >= 0 || round % 2 === 0) {
            index.put(bytes(key), main, 0, false);
            live.set(key, main);
          }
        }
        const sorted = [...live.keys()].sort();
        assert.equal(index.liveCount, sorted.length);
        for (let i = 0; i < 20; i++) {
          const [start, end] = [keyOf(random.below(space)), keyOf(random.below(space))];
          const wanted = sorted.filter((key) => key >= start && key < end).length;
          assert.equal(index.countLive(bytes(start), bytes(end)), wanted);
          assert.equal(index.countAt(bytes(start), bytes(end), main), wanted);
        }
        if (round > 0) {
          index.beginCompaction(main - random.below(3_000));
          while (!index.compactStep(100)) index.put(bytes(keyOf(random.below(space))), main, 0, false);
          live.clear();
          for (const walk = index.walk(new Uint8Array(0), undefined); walk.leaf !== undefined; walk.next()) {
            if (!walk.isDeleted())
              live.set(Buffer.from(index.entries.borrowKey(walk.id())).toString("latin1"), 0);
          }
          main += 1;
        }
        index.check();
        // Whole leaves empty, and their neighbours take over what they covered.
        for (let i = 0; i < 3; i++) {
          const [start, end] = [i === 0 ? "" : keyOf(random.below(space)), keyOf(random.below(space))];
          for (const key of [...live.keys()].filter((each) => each >= start && each < end)) {
            index.tombstone(bytes(key), index.findLive(bytes(key)), main++, 0);
            live.delete(key);
          }
        }
        finish(index, main++);
        index.check();
      }
      for (const key of live.keys()) index.tombstone(bytes(key), index.find(bytes(key)), main++, 0);
      finish(index, main);
      assert.equal(index.entryCount, 0);
      index.check();
    }),
    { numRuns: 6 },
  );
});

test("an index rebuilt from records in revision order is the index that was", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.constantFrom(10, 1_000, 60_000), (seed, space) => {
      const random = new SeededRandom(seed);
      const built = new KeyIndex();
      const rebuilt = new KeyIndex();
      for (let main = 2; main < 40_000; main++) {
        const key = bytes(`/registry/${random.below(space)}`);
        const id = built.findLive(key);
        if (id >= 0 && random.below(4) === 0) {
          built.tombstone(key, id, main, 0);
          rebuilt.restoreTombstone(key, main, 0);
        } else {
          const put = built.put(key, main, 0, false);
          rebuilt.restorePut(
            key,
            rebuilt.restoreHash(key),
            main,
            0,
            built.entries.createMain(put),
            built.entries.version(put),
            false,
          );
        }
      }
      for (const _ of rebuilt.finishRestore());
      rebuilt.check();
      const all = (index: KeyIndex) => {
        const lines: string[] = [];
        for (const walk = index.walk(new Uint8Array(0), undefined); walk.leaf !== undefined; walk.next()) {
          const revisions: number[] = [];
          index.visitRevisions(walk.id(), (main) => revisions.push(main) > 0);
          lines.push(
            `${Buffer.from(index.entries.borrowKey(walk.id()))} ${revisions} ${index.entries.version(walk.id())}`,
          );
        }
        return lines;
      };
      assert.deepEqual(all(rebuilt), all(built));
      for (const at of [2, 1_000, 20_000, 40_000]) {
        assert.equal(
          rebuilt.countAt(bytes("/registry/2"), bytes("/registry/7"), at),
          built.countAt(bytes("/registry/2"), bytes("/registry/7"), at),
        );
      }
      assert.equal(rebuilt.changedCount, built.changedCount);
    }),
    { numRuns: 6 },
  );
});

test("a rebuilt index changes as the one that was, also where nobody has read it yet", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.constantFrom(300, 20_000), (seed, space) => {
      const random = new SeededRandom(seed);
      const built = new KeyIndex();
      const rebuilt = new KeyIndex();
      let main = 2;
      let compacted = 2;
      const change = (index: KeyIndex, key: Uint8Array, deletes: boolean): void => {
        const id = index.findLive(key);
        if (id >= 0 && deletes) index.tombstone(key, id, main, 0);
        else index.put(key, main, 0, false);
      };
      for (; main < 20_000; main++) {
        const key = bytes(`/registry/${random.below(space)}`);
        const deletes = built.findLive(key) >= 0 && random.below(3) === 0;
        change(built, key, deletes);
        const id = built.find(key);
        if (deletes) rebuilt.restoreTombstone(key, main, 0);
        else {
          const { entries } = built;
          const hash = rebuilt.restoreHash(key);
          rebuilt.restorePut(key, hash, main, 0, entries.createMain(id), entries.version(id), false);
        }
      }
      for (const _ of rebuilt.finishRestore());
      for (; main < 24_000; main++) {
        const key = bytes(`/registry/${random.below(space)}`);
        const deletes = random.below(3) === 0;
        change(built, key, deletes);
        change(rebuilt, key, deletes);
        if (main % 500 === 0) {
          const at = Math.max(compacted, main - random.below(8_000));
          assert.equal(
            rebuilt.countAt(bytes("/registry/1"), undefined, at),
            built.countAt(bytes("/registry/1"), undefined, at),
          );
        }
        if (main % 1_500 === 0) {
          compacted = main - 100;
          finish(built, compacted);
          finish(rebuilt, compacted);
        }
      }
      rebuilt.check();
      assert.equal(rebuilt.liveCount, built.liveCount);
      assert.equal(rebuilt.entryCount, built.entryCount);
      assert.equal(rebuilt.changedCount, built.changedCount);
    }),
    { numRuns: 6 },
  );
});

test("a tombstone whose put was compacted is in a rebuilt index until the next compaction", () => {
  const index = new KeyIndex();
  index.restoreTombstone(KEY, 7, 0);
  for (const _ of index.finishRestore());
  index.check();
  assert.equal(index.liveCount, 0);
  assert.equal(revisionsOf(index), "7t");
  finish(index, 8);
  assert.equal(index.entryCount, 0);
  index.check();
});

test("an index is rebuilt in order from keys that zero bytes, long prefixes and lengths tell apart", () => {
  const keys: Uint8Array[] = [];
  for (let zeros = 0; zeros < 40; zeros++) {
    const stem = Uint8Array.of(120, ...new Array<number>(zeros).fill(0));
    keys.push(stem, Uint8Array.of(...stem, 1), Uint8Array.of(...stem, 0xff, 0xff));
  }
  for (let i = 0; i < 300; i++) keys.push(bytes(`/registry/pods/namespace-of-tests/pod-${(i * 7919) % 300}`));
  const distinct = [...new Map(keys.map((key) => [Buffer.from(key).toString("hex"), key])).values()];
  distinct.sort(
    (a, b) => ((a[a.length - 1]! * 31 + a.length * 7) % 101) - ((b[b.length - 1]! * 31 + b.length * 7) % 101),
  );
  const index = new KeyIndex();
  distinct.forEach((key, i) => {
    index.restorePut(key, index.restoreHash(key), i + 2, 0, i + 2, 1, false);
  });
  for (const _ of index.finishRestore());
  index.check();
  assert.equal(index.liveCount, distinct.length);
});

test("a key written again after a compaction at its tombstone is looked at once", () => {
  const index = new KeyIndex();
  index.put(KEY, 2, 0, false);
  index.tombstone(KEY, index.find(KEY), 3, 0);
  finish(index, 3);
  assert.equal(revisionsOf(index), "3t");
  index.put(KEY, 4, 0, false);
  index.check();
  index.tombstone(KEY, index.find(KEY), 5, 0);
  finish(index, 6);
  index.check();
  assert.equal(index.entryCount, 0);
});

interface Known {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
}

/** The rule in etcd's words: generations, each closed by a tombstone, the last one open. */
function compactByGenerations(revisions: readonly Known[], at: number): Known[] {
  const generations: Known[][] = [[]];
  for (const revision of revisions) {
    generations[generations.length - 1]!.push(revision);
    if (revision.tombstone) generations.push([]);
  }
  const last = generations.length - 1;
  const chosen = generations.findIndex((each, i) => i === last || each[each.length - 1]!.main >= at);
  const keep = (generation: readonly Known[]): Known[] => {
    const newest = generation.findLastIndex(({ main }) => main <= at);
    return newest < 0 ? [...generation] : generation.slice(newest);
  };
  const left = keep(generations[chosen]!);
  // Written again by the transaction that deleted it: the newest record of that revision stays as well.
  const later = generations.slice(chosen + 1).flat();
  const rewritten = later.findLastIndex(({ main }) => main === at);
  return [...left, ...(rewritten < 0 ? later : later.slice(rewritten))];
}

test("what a compaction leaves of a key agrees with etcd's rule, for short and long histories", () => {
  const anyLife = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.boolean()), {
    minLength: 1,
    maxLength: 160,
    size: "max",
  });
  const anyCompactions = fc.array(fc.nat(200), { maxLength: 4 });
  fc.assert(
    fc.property(anyLife, anyCompactions, (life, compactions) => {
      const index = new KeyIndex();
      let known: Known[] = [];
      let main = 2;
      let sub = 0;
      for (const [step, wantsTombstone] of life) {
        main += step;
        sub = step === 0 ? sub + 1 : 0;
        const id = index.findLive(KEY);
        const tombstone = wantsTombstone && id >= 0;
        if (tombstone) index.tombstone(KEY, id, main, sub);
        else index.put(KEY, main, sub, false);
        known.push({ main, sub, tombstone });
      }
      for (const at of compactions.toSorted((a, b) => a - b)) {
        finish(index, at);
        const through = known.filter((each) => each.main <= at);
        known = compactByGenerations(known, at);
        const kept = through.filter((each) => index.isKept(KEY, each.main, each.sub, at));
        assert.deepEqual(
          kept,
          known.filter((each) => each.main <= at),
        );
        const left: Known[] = [];
        const id = index.find(KEY);
        if (id >= 0)
          index.visitRevisionsFrom(
            id,
            0,
            (...each) => left.push({ main: each[0], sub: each[1], tombstone: each[2] }) > 0,
          );
        assert.deepEqual(left, known);
        for (let revision = at; revision <= main; revision++) {
          const found = { main: 0, sub: 0 };
          const newest = known.findLast((each) => each.main <= revision);
          const wanted = newest === undefined || newest.tombstone ? undefined : newest.main;
          assert.equal(id >= 0 && index.findAt(id, revision, found) ? found.main : undefined, wanted);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("an index that expects many keys knows those it had and those that come", () => {
  for (const expected of [0, 1, 300, 5000, 100_000]) {
    const index = new KeyIndex();
    const keys = Array.from({ length: 3000 }, (_, i) => new Uint8Array(Buffer.from(`key ${i}`)));
    keys.forEach((key, i) => {
      if (i === 1000) index.expect(expected);
      index.put(key, i + 2, 0, false);
    });
    index.check();
    assert.equal(index.liveCount, 3000);
    for (const key of keys) assert.ok(index.find(key) >= 0);
    assert.equal(index.find(new Uint8Array(Buffer.from("key 3000"))), -1);
  }
});
