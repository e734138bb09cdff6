import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { encodeConfChange } from "../confchange/codec.ts";
import { isRaftError, RaftInvariantError } from "../errors.ts";
import { silentLogger } from "../logger.ts";
import { entriesSize, entrySize, limitSize, NO_LIMIT } from "../size.ts";
import { type Entry, EntryType, emptyConfState, NO_DATA } from "../types.ts";
import { EntryWindow } from "./entry-window.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { RaftLog, TERM_COMPACTED, TERM_UNAVAILABLE } from "./raft-log.ts";

const entry = (index: number, term: number, bytes = 0): Entry => ({
  type: EntryType.EntryNormal,
  term,
  index,
  data: bytes === 0 ? NO_DATA : new Uint8Array(bytes),
});
const entriesOf = (terms: readonly number[], from = 1) => terms.map((term, i) => entry(from + i, term));

function logOf(terms: readonly number[], committed = 0): RaftLog {
  const log = new RaftLog(new MemoryStorage(), silentLogger, NO_LIMIT);
  log.append(entriesOf(terms));
  log.commitTo(committed);
  return log;
}

describe("where two logs may still agree", () => {
  const cases = [
    {
      name: "the follower lacks the leader's last terms",
      ours: [1, 1, 1, 1, 2, 2],
      index: 6,
      term: 5,
      want: [6, 2],
    },
    {
      name: "the leader skips what is newer",
      ours: [1, 3, 3, 3, 5, 5, 5, 5, 5],
      index: 6,
      term: 2,
      want: [1, 1],
    },
    {
      name: "the follower has entries of other terms",
      ours: [1, 3, 3, 4, 4, 5, 5, 5, 6],
      index: 8,
      term: 3,
      want: [3, 3],
    },
    { name: "nothing agrees", ours: [4, 4, 4], index: 3, term: 2, want: [0, 0] },
    { name: "beyond the end nothing is known", ours: [1, 1], index: 5, term: 1, want: [5, 0] },
  ];
  for (const { name, ours, index, term, want } of cases) {
    test(name, () => {
      const found = logOf(ours).findConflictByTerm(index, term);
      assert.deepEqual([found.index, found.term], want);
    });
  }

  test("no agreement is skipped, for any two logs", () => {
    // Two logs as Raft makes them: equal up to a place, and with different terms wherever both go on.
    const terms = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 8 });
    const pair = fc
      .tuple(terms, terms, terms)
      .map((parts) => {
        const [prefix, ...tails] = parts.map((part) => part.sort((a, b) => a - b));
        const last = prefix!.at(-1) ?? 0;
        const [leader, follower] = tails.map((tail) => [...prefix!, ...tail.map((term) => last + term)]);
        return { matching: prefix!.length, leader: leader!, follower: follower! };
      })
      .filter(({ matching, leader, follower }) =>
        leader.slice(matching).every((term, i) => follower[matching + i] !== term),
      );
    fc.assert(
      fc.property(pair, ({ matching, leader, follower }) => {
        // The rounds of probing: each side answers with its conflict; match must be found and never be passed by.
        let probe = leader.length;
        for (let rounds = 0; rounds <= leader.length + follower.length + 1; rounds++) {
          const term = probe === 0 ? 0 : leader[probe - 1]!;
          const log = logOf(follower);
          if (log.matchTerm(probe, term)) {
            assert.ok(probe <= matching, "matched where the logs differ");
            return;
          }
          const hint = log.findConflictByTerm(Math.min(probe, follower.length), term);
          const next = logOf(leader).findConflictByTerm(hint.index, hint.term).index;
          const followerTerm = (index: number) => follower[index - 1];
          assert.ok(next < probe);
          // Between the new probe and the old one nothing can have agreed.
          for (let i = next + 1; i < probe; i++) assert.ok(leader[i - 1] !== followerTerm(i) || i > matching);
          probe = next;
        }
        assert.fail("probing does not end");
      }),
    );
  });
});

describe("a follower's log", () => {
  const cases = [
    {
      name: "refuses what does not follow",
      prev: [3, 9],
      terms: [4],
      commit: 0,
      want: undefined,
      log: [1, 2, 3],
    },
    { name: "refuses a gap", prev: [4, 4], terms: [4], commit: 0, want: undefined, log: [1, 2, 3] },
    { name: "appends at the end", prev: [3, 3], terms: [4, 4], commit: 4, want: 4, log: [1, 2, 3, 4, 4] },
    { name: "keeps what it has already", prev: [1, 1], terms: [2], commit: 2, want: 2, log: [1, 2, 3] },
    {
      name: "replaces a conflict and all after it",
      prev: [1, 1],
      terms: [4],
      commit: 1,
      want: 1,
      log: [1, 4],
    },
    { name: "an empty message deletes nothing", prev: [2, 2], terms: [], commit: 2, want: 2, log: [1, 2, 3] },
    {
      name: "commits no further than what it was just shown",
      prev: [1, 1],
      terms: [2],
      commit: 9,
      want: 2,
      log: [1, 2, 3],
    },
  ];
  for (const { name, prev, terms, commit, want, log: expected } of cases) {
    test(name, () => {
      const log = logOf([1, 2, 3], 1);
      const [index, term] = prev as [number, number];
      assert.equal(log.maybeAppend(index, term, entriesOf(terms, index + 1), commit), want !== undefined);
      assert.deepEqual(
        expected,
        Array.from({ length: log.lastIndex() }, (_, i) => log.term(i + 1)),
      );
      assert.equal(log.committed, want ?? 1);
    });
  }

  test("never changes what is committed", () => {
    const log = logOf([1, 2, 3], 2);
    assert.throws(() => log.maybeAppend(1, 1, entriesOf([9], 2), 2), RaftInvariantError);
  });

  test("cannot commit what it does not have", () => {
    assert.throws(() => logOf([1]).commitTo(2), /Was the raft log corrupted, truncated, or lost\?/);
  });
});

describe("the log over storage and memory", () => {
  test("agrees with a plain list about terms and slices", () => {
    const scenario = fc.record({
      sizes: fc.array(fc.nat(30), { minLength: 1, maxLength: 20 }),
      stable: fc.nat(20),
      compacted: fc.nat(20),
      max: fc.constantFrom(0, 1, 20, 60, NO_LIMIT),
    });
    fc.assert(
      fc.property(scenario, ({ sizes, stable, compacted, max }) => {
        const all = sizes.map((bytes, i) => entry(i + 1, 1 + Math.floor(i / 3), bytes));
        const storage = new MemoryStorage();
        const durable = Math.min(stable, all.length);
        storage.append(all.slice(0, durable));
        const first = Math.min(compacted, durable);
        if (first > 0) storage.compact(first);
        const log = new RaftLog(storage, silentLogger, NO_LIMIT);
        log.append(all.slice(durable));
        assert.equal(log.firstIndex(), first + 1);
        assert.equal(log.lastIndex(), all.length);
        assert.equal(log.term(all.length + 1), TERM_UNAVAILABLE);
        if (first > 1) assert.equal(log.term(first - 1), TERM_COMPACTED);
        for (let lo = first + 1; lo <= all.length + 1; lo++) {
          const whole = all.slice(lo - 1);
          const slice = log.slice(lo, all.length + 1, max)!;
          assert.deepEqual(slice, limitedByHand(whole, max));
        }
        if (first > 0) assert.equal(log.slice(first, all.length + 1, max), undefined);
      }),
    );
  });

  function limitedByHand(entries: Entry[], max: number): Entry[] {
    let count = 0;
    while (count < entries.length && entriesSize(entries.slice(0, count + 1)) <= max) count++;
    return entries.slice(0, Math.max(count, Math.min(1, entries.length)));
  }

  test("hands out committed entries within the budget, and goes on when they are applied", () => {
    const log = new RaftLog(new MemoryStorage(), silentLogger, 30);
    log.append([entry(1, 1, 10), entry(2, 1, 10), entry(3, 1, 10)]);
    log.commitTo(3);
    const size = entrySize(entry(1, 1, 10));
    assert.equal(size, 16);
    const first = log.nextCommitted(true);
    assert.deepEqual(
      first.map(({ index }) => index),
      [1],
    );
    log.acceptApplying(1, size, true);
    assert.equal(log.hasNextCommitted(true), false);
    log.appliedTo(1, size);
    assert.deepEqual(
      log.nextCommitted(true).map(({ index }) => index),
      [2],
    );
  });

  test("without leave, hands out only what is durable", () => {
    const log = logOf([1, 1, 1], 3);
    assert.equal(log.hasNextCommitted(false), false);
    log.unstable.acceptInProgress();
    log.unstable.stableTo(2, 1);
    assert.deepEqual([log.hasNextCommitted(true), log.unstable.offset], [true, 3]);
  });
});

describe("sizes", () => {
  test("of an entry agree with the protobuf encoding of the same fields", () => {
    // A conf change has the same four kinds of fields, so its small codec can check the arithmetic.
    const numbers = fc
      .oneof(fc.nat(300), fc.nat(2 ** 31), fc.maxSafeInteger().map(Math.abs))
      .filter((n) => n > 0);
    fc.assert(
      fc.property(numbers, numbers, fc.nat(400), (term, index, bytes) => {
        const data = new Uint8Array(bytes + 1);
        const encoded = encodeConfChange({ id: BigInt(term), type: 1, nodeId: BigInt(index), context: data });
        assert.equal(entrySize({ type: 1, term, index, data }), encoded.length);
      }),
    );
  });

  const cases = [
    { name: "a proposal", entry: entry(12, 1, 1), want: 7 },
    { name: "a leader's first entry", entry: entry(11, 1), want: 4 },
    { name: "an automatic leave", entry: { ...entry(5, 1), type: EntryType.EntryConfChangeV2 }, want: 6 },
    { name: "a refused conf change", entry: { ...entry(5, 1), typeIsExplicit: true as const }, want: 6 },
    { name: "empty data is not absent data", entry: { ...entry(5, 1), data: new Uint8Array(0) }, want: 6 },
  ];
  for (const { name, entry, want } of cases)
    test(`${name} has ${want} bytes`, () => assert.equal(entrySize(entry), want));

  test("a limit of 0 still lets one entry pass", () => {
    assert.equal(limitSize([entry(1, 1, 5), entry(2, 1, 5)], 0).length, 1);
    assert.equal(limitSize([], 0).length, 0);
  });
});

describe("storage in memory", () => {
  const storageOf = (terms: readonly number[]) => {
    const storage = new MemoryStorage();
    storage.append(entriesOf(terms));
    return storage;
  };
  const termsOf = (storage: MemoryStorage) =>
    storage.entries(storage.firstIndex(), storage.lastIndex() + 1, NO_LIMIT).map(({ term }) => term);

  const appends = [
    { name: "continues the log", from: 4, terms: [4], want: [3, 4] },
    { name: "replaces an overlap and what follows", from: 3, terms: [9], want: [9] },
    { name: "ignores what is compacted", from: 1, terms: [8, 8, 8, 8], want: [8, 8] },
    { name: "ignores what is all compacted", from: 1, terms: [8], want: [3] },
  ];
  for (const { name, from, terms, want } of appends) {
    test(`append ${name}`, () => {
      const storage = storageOf([1, 2, 3]);
      storage.compact(2);
      storage.append(entriesOf(terms, from));
      assert.deepEqual(termsOf(storage), want);
    });
  }

  test("append refuses a gap", () => {
    assert.throws(
      () => storageOf([1]).append(entriesOf([1], 3)),
      /missing log entry \[last: 1, append at: 3\]/,
    );
  });

  test("compaction keeps the term of the last compacted entry, not the entry", () => {
    const storage = storageOf([1, 2, 3]);
    storage.compact(2);
    assert.equal(storage.term(2), 2);
    assert.throws(
      () => storage.entries(2, 3, NO_LIMIT),
      (error) => isRaftError(error, "COMPACTED"),
    );
    assert.throws(
      () => storage.term(1),
      (error) => isRaftError(error, "COMPACTED"),
    );
    assert.throws(
      () => storage.term(4),
      (error) => isRaftError(error, "UNAVAILABLE"),
    );
    assert.throws(
      () => storage.compact(2),
      (error) => isRaftError(error, "COMPACTED"),
    );
    assert.throws(() => storage.compact(9), RaftInvariantError);
  });

  test("a snapshot replaces everything, and an older one is refused", () => {
    const storage = storageOf([1, 2, 3]);
    const snapshot = (index: number) => ({
      data: NO_DATA,
      metadata: { confState: emptyConfState(), index, term: 4 },
    });
    storage.applySnapshot(snapshot(7));
    assert.deepEqual([storage.firstIndex(), storage.lastIndex(), storage.term(7)], [8, 7, 4]);
    assert.throws(
      () => storage.applySnapshot(snapshot(7)),
      (error) => isRaftError(error, "SNAPSHOT_OUT_OF_DATE"),
    );
  });

  test("a snapshot can be made of any entry in the log that is newer than the last", () => {
    const storage = storageOf([1, 2, 3]);
    assert.equal(storage.createSnapshot(2, undefined, NO_DATA).metadata.term, 2);
    assert.throws(
      () => storage.createSnapshot(1, undefined, NO_DATA),
      (error) => isRaftError(error, "SNAPSHOT_OUT_OF_DATE"),
    );
    assert.throws(() => storage.createSnapshot(9, undefined, NO_DATA), RaftInvariantError);
  });

  test("knows from where on its entries fit into a number of bytes", () => {
    const storage = new MemoryStorage();
    storage.append([entry(1, 1, 50), entry(2, 1, 10), entry(3, 1, 30), entry(4, 1, 20)]);
    assert.equal(storage.dataBytes, 110);
    const firstByBytes = [110, 109, 60, 49, 20, 0].map((bytes) => storage.firstIndexWithin(bytes));
    assert.deepEqual(firstByBytes, [1, 2, 2, 4, 4, 5]);
    storage.compact(1);
    assert.deepEqual([storage.dataBytes, storage.firstIndexWithin(60)], [60, 2]);
  });
});

describe("a window of entries", () => {
  test("behaves as a plain list that loses its head", () => {
    const action = fc.record({ kind: fc.constantFrom("append", "drop", "truncate"), n: fc.nat(90) });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const window = new EntryWindow();
        let list: Entry[] = [];
        let next = 1;
        for (const { kind, n } of actions) {
          if (kind === "append") {
            const more = Array.from({ length: n }, (_, i) => entry(next + i, 1, (next + i) % 5));
            next += n;
            window.append(more);
            list.push(...more);
          } else {
            const count = list.length === 0 ? 0 : n % (list.length + 1);
            if (kind === "drop") {
              window.dropFirst(count);
              list = list.slice(count);
            } else {
              window.truncate(count);
              list.length = count;
            }
          }
          assert.equal(window.length, list.length);
          assert.equal(window.last(), list.at(-1));
          assert.equal(
            window.dataBytes,
            list.reduce((sum, { data }) => sum + data.length, 0),
          );
          assert.deepEqual(window.slice(0, window.length), list);
        }
      }),
    );
  });
});
