import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { committedByCounting } from "../testing/quorum-vectors.ts";
import type { NodeId } from "../types.ts";
import { JointQuorum } from "./joint.ts";
import { Majority } from "./majority.ts";
import { VoteResult } from "./vote-result.ts";

const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 12n }), { maxLength: 9 });
const acks = fc.dictionary(fc.integer({ min: 1, max: 12 }).map(String), fc.nat(20));
const ballots = fc.dictionary(fc.integer({ min: 1, max: 12 }).map(String), fc.boolean());

const toMap = <Value>(record: Record<string, Value>) =>
  new Map(Object.entries(record).map(([id, value]) => [BigInt(id), value] as const));
const acked = (map: ReadonlyMap<NodeId, number>) => ({ ackedIndex: (id: NodeId) => map.get(id) ?? 0 });
const votes = (map: ReadonlyMap<NodeId, boolean>) => ({ vote: (id: NodeId) => map.get(id) });

describe("committed index", () => {
  const cases = [
    { name: "an empty quorum commits everything", voters: [], acks: {}, want: Number.POSITIVE_INFINITY },
    { name: "a single voter commits what it has", voters: [1], acks: { 1: 12 }, want: 12 },
    { name: "two voters wait for the slower one", voters: [1, 2], acks: { 1: 12, 2: 5 }, want: 5 },
    { name: "two of three are enough", voters: [1, 2, 3], acks: { 1: 9, 2: 7 }, want: 7 },
    { name: "one of three is not", voters: [1, 2, 3], acks: { 1: 9 }, want: 0 },
    { name: "three of four are needed", voters: [1, 2, 3, 4], acks: { 1: 9, 2: 8, 3: 3 }, want: 3 },
    { name: "others do not count", voters: [1, 2], acks: { 1: 9, 3: 9, 4: 9 }, want: 0 },
  ];
  for (const { name, voters, acks, want } of cases) {
    test(name, () => {
      assert.equal(
        new Majority(voters.map(BigInt)).committedIndex(acked(toMap(acks as Record<string, number>))),
        want,
      );
    });
  }

  test("agrees with counting", () => {
    fc.assert(
      fc.property(ids, acks, (voters, record) => {
        const majority = new Majority(voters);
        assert.equal(
          majority.committedIndex(acked(toMap(record))),
          committedByCounting(majority, toMap(record)),
        );
      }),
    );
  });

  test("a joint quorum commits what both halves commit, whichever comes first", () => {
    fc.assert(
      fc.property(ids, ids, acks, (a, b, record) => {
        const [x, y] = [new Majority(a), new Majority(b)];
        const map = toMap(record);
        const want = Math.min(committedByCounting(x, map), committedByCounting(y, map));
        assert.equal(new JointQuorum(x, y).committedIndex(acked(map)), want);
        assert.equal(new JointQuorum(y, x).committedIndex(acked(map)), want);
      }),
    );
  });
});

describe("votes", () => {
  /** Tries everything that the silent ones could still say. */
  function byEnumeration(voters: readonly NodeId[], cast: ReadonlyMap<NodeId, boolean>): VoteResult {
    const silent = voters.filter((id) => !cast.has(id));
    const yes = voters.filter((id) => cast.get(id) === true).length;
    const wins = (count: number) => voters.length === 0 || count * 2 > voters.length;
    const outcomes = new Set(silent.map((_, i) => wins(yes + i)).concat(wins(yes + silent.length)));
    if (outcomes.size === 2) return VoteResult.VotePending;
    return outcomes.has(true) ? VoteResult.VoteWon : VoteResult.VoteLost;
  }

  test("a result is known as soon as the silent ones cannot change it", () => {
    fc.assert(
      fc.property(ids, ballots, (voters, record) => {
        const cast = toMap(record);
        assert.equal(new Majority(voters).voteResult(votes(cast)), byEnumeration(voters, cast));
      }),
    );
  });

  test("both halves of a joint quorum must agree, and one can refuse", () => {
    fc.assert(
      fc.property(ids, ids, ballots, (a, b, record) => {
        const cast = toMap(record);
        const halves = [byEnumeration(a, cast), byEnumeration(b, cast)];
        const want = halves.includes(VoteResult.VoteLost)
          ? VoteResult.VoteLost
          : halves.includes(VoteResult.VotePending)
            ? VoteResult.VotePending
            : VoteResult.VoteWon;
        assert.equal(new JointQuorum(new Majority(a), new Majority(b)).voteResult(votes(cast)), want);
      }),
    );
  });

  test("any two quorums of a majority meet", () => {
    for (let size = 1; size <= 9; size++) {
      const majority = new Majority(Array.from({ length: size }, (_, i) => BigInt(i + 1)));
      assert.ok(2 * majority.quorum() > size);
    }
  });
});
