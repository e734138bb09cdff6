import assert from "node:assert/strict";
import test from "node:test";
import { type CompactionVerdict, differingMembers, firstCorrupt, judgeCompaction } from "./decisions.ts";
import type { PeerAnswer } from "./peer-hashes.ts";

const SELF = 1n;
const own = { hash: 10, compactRevision: 5, hashRevision: 9 };

/** An answer in short: hash, compacted revision and current revision, or silence. */
function answers(
  ...peers: ([hash: number, compactRevision?: number, currentRevision?: number] | "silent")[]
): PeerAnswer[] {
  return peers.map((peer, i) => {
    const id = BigInt(i + 2);
    if (peer === "silent") return { id, hash: undefined, failure: "no answer" };
    const [hash, compactRevision = 5, currentRevision = 9] = peer;
    return { id, hash: { hash, compactRevision, currentRevision }, failure: undefined };
  });
}

const initial: { name: string; peers: PeerAnswer[]; want: bigint[] }[] = [
  { name: "equal hashes", peers: answers([10], [10]), want: [] },
  { name: "another hash", peers: answers([10], [11]), want: [3n] },
  { name: "another hash with another compacted revision", peers: answers([11, 4], [12, 6]), want: [] },
  { name: "nobody answers", peers: answers("silent", "silent"), want: [] },
  { name: "nobody is asked", peers: [], want: [] },
];
for (const { name, peers, want } of initial) {
  test(`initial check: ${name}`, () => assert.deepEqual(differingMembers(own, peers), want));
}

const periodic: {
  name: string;
  second?: Partial<typeof own & { currentRevision: number }>;
  peers: PeerAnswer[];
  want: bigint | undefined;
}[] = [
  { name: "all equal", peers: answers([10], [10]), want: undefined },
  { name: "the own hash has changed", second: { hash: 11 }, peers: answers([10]), want: SELF },
  {
    name: "the own hash of a later revision",
    second: { hash: 11, hashRevision: 10 },
    peers: answers([10]),
    want: undefined,
  },
  {
    name: "the own hash after a compaction",
    second: { hash: 11, compactRevision: 8 },
    peers: answers([10]),
    want: undefined,
  },
  { name: "a peer's hash differs", peers: answers([10], [11]), want: 3n },
  { name: "two peers' hashes differ: one alarm", peers: answers([12], [11]), want: 2n },
  { name: "a peer's hash differs, compacted elsewhere", peers: answers([11, 4]), want: undefined },
  { name: "a peer is ahead of the leader", peers: answers([10, 5, 11]), want: 2n },
  {
    name: "a peer is as far as the leader by then",
    second: { hashRevision: 12, currentRevision: 12 },
    peers: answers([10, 5, 12]),
    want: undefined,
  },
  { name: "a peer is compacted further than the leader", peers: answers([10, 6]), want: 2n },
  {
    name: "a peer is compacted as far as the leader by then",
    second: { compactRevision: 6 },
    peers: answers([10, 6]),
    want: undefined,
  },
  { name: "silence says nothing", peers: answers("silent", "silent"), want: undefined },
  { name: "the own hash comes first", second: { hash: 11 }, peers: answers([12]), want: SELF },
];
for (const { name, second, peers, want } of periodic) {
  test(`periodic check: ${name}`, () => {
    const finding = firstCorrupt(SELF, own, { ...own, currentRevision: 10, ...second }, peers);
    assert.equal(finding?.memberId, want);
  });
}

const compactions: { name: string; peers: PeerAnswer[]; want: CompactionVerdict }[] = [
  { name: "all three equal", peers: answers([10], [10]), want: { kind: "checked" } },
  { name: "one silent, two equal", peers: answers([10], "silent"), want: { kind: "incomplete" } },
  { name: "one compacted elsewhere, two equal", peers: answers([10], [77, 4]), want: { kind: "incomplete" } },
  { name: "all silent", peers: answers("silent", "silent"), want: { kind: "incomplete" } },
  { name: "two against one", peers: answers([10], [11]), want: { kind: "corrupt", members: [3n] } },
  {
    name: "the leader alone against two",
    peers: answers([11], [11]),
    want: { kind: "corrupt", members: [SELF] },
  },
  {
    name: "one against one of three",
    peers: answers([11], "silent"),
    want: { kind: "corrupt", members: [0n] },
  },
  { name: "A A A B C", peers: answers([10], [10], [11], [12]), want: { kind: "corrupt", members: [4n, 5n] } },
  { name: "A A B B C", peers: answers([10], [11], [11], [12]), want: { kind: "corrupt", members: [0n] } },
  { name: "A B of two", peers: answers([11]), want: { kind: "corrupt", members: [0n] } },
  {
    name: "A A of four, B, silent",
    peers: answers([10], [11], "silent"),
    want: { kind: "corrupt", members: [0n] },
  },
];
for (const { name, peers, want } of compactions) {
  test(`compaction check: ${name}`, () => assert.deepEqual(judgeCompaction(SELF, own, peers), want));
}
