import assert from "node:assert/strict";
import test from "node:test";
import { ConfChangeType, confChangeOf, type Entry, EntryType, encodeConfChange } from "@quorate/raft";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { realClock } from "@quorate/storage/seams/real-clock";
import { SimulatedDisk } from "@quorate/storage/seams/simulated-disk";
import { Wal } from "@quorate/storage/wal/wal";
import { SeededRandom } from "@quorate/testkit/random";
import { type ClusterMember, encodeMemberContext } from "../cluster/member-json.ts";
import { Membership } from "../cluster/membership.ts";
import { silentLogger } from "../log/logger.ts";
import { forceNewCluster } from "./force-new-cluster.ts";

const LOCAL = 2n;

interface Case {
  readonly name: string;
  readonly voters?: readonly bigint[];
  readonly learners?: readonly bigint[];
  readonly removed?: readonly bigint[];
  /** Committed, and not applied yet. */
  readonly addedLast?: ClusterMember;
  /** "+2" adds member 2 (or makes a voter of it), "-1" removes member 1. */
  readonly want: readonly string[] | RegExp;
}

const CASES: readonly Case[] = [
  { name: "a voter removes the others", voters: [1n, 2n, 3n], want: ["-1", "-3"] },
  { name: "a voter that is alone changes nothing", voters: [2n], want: [] },
  {
    name: "a learner becomes a voter before the last voter goes",
    voters: [1n, 3n],
    learners: [2n],
    want: ["+2", "-1", "-3"],
  },
  { name: "a learner that is alone becomes a voter", learners: [2n], want: ["+2"] },
  { name: "other learners go, too", voters: [1n], learners: [2n, 4n], want: ["+2", "-1", "-4"] },
  {
    name: "one that learned of itself last is a learner all the same",
    voters: [1n],
    addedLast: member(2n, true),
    want: ["+2", "-1"],
  },
  {
    name: "one that has not learned of itself is added",
    voters: [1n],
    want: ["+2", "-1"],
  },
  {
    name: "a member that was removed is refused",
    voters: [1n],
    removed: [2n],
    want: /member 2 was removed from its cluster/,
  },
  {
    name: "nothing is written that the members would refuse",
    voters: [1n],
    addedLast: { ...member(3n, false), peerUrls: ["http://localhost:2380"] },
    want: /cannot become a new cluster \(.*restore its database/,
  },
];

for (const { name, voters = [], learners = [], removed = [], addedLast, want } of CASES) {
  test(`forced to be a new cluster: ${name}`, async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) }).mount();
    const wal = await Wal.create(disk, "wal", { nodeId: LOCAL, clusterId: 9n });
    const entries: Entry[] = Array.from({ length: 10 }, (_, i) => ({
      type: EntryType.EntryNormal,
      term: 3,
      index: i + 1,
      data: new Uint8Array(0),
    }));
    if (addedLast !== undefined) {
      const type = addedLast.isLearner
        ? ConfChangeType.ConfChangeAddLearnerNode
        : ConfChangeType.ConfChangeAddNode;
      const change = { type, nodeId: addedLast.id, context: encodeMemberContext(addedLast) };
      entries[7] = { ...entries[7]!, type: EntryType.EntryConfChange, data: encodeConfChange(change) };
    }
    const hardState = { term: 3, vote: 1n, commit: 8 };
    wal.save(hardState, entries);
    await wal.sync();
    const membership = new Membership(new MemoryBackend({ clock: realClock, flushMs: 0 }), 9n, LOCAL);
    for (const id of voters) membership.applyAdd(member(id, false));
    for (const id of learners) membership.applyAdd(member(id, true));
    for (const id of removed) membership.applyRemove(id);

    const start = { entries, wal, membership, appliedIndex: 7, hardState, log: silentLogger };
    if (want instanceof RegExp) {
      await assert.rejects(forceNewCluster(start), want);
      await wal.close();
      const { content } = await Wal.open(disk, "wal", { index: 0, term: 0 });
      assert.deepEqual([content.entries, content.hardState], [entries, hardState]);
      return;
    }
    const forced = await forceNewCluster(start);
    const changes = forced.entries
      .slice(8)
      .map((entry) => confChangeOf(entry) as { type: number; nodeId: bigint });
    assert.deepEqual(
      changes.map(
        ({ type, nodeId }) => `${type === ConfChangeType.ConfChangeRemoveNode ? "-" : "+"}${nodeId}`,
      ),
      want,
    );
    assert.deepEqual(forced.hardState, { ...hardState, commit: 8 + want.length });
    // A later start reads the same, but for an uncommitted end that nothing has replaced.
    await wal.close();
    const { content } = await Wal.open(disk, "wal", { index: 0, term: 0 });
    assert.deepEqual(content.hardState, forced.hardState);
    assert.deepEqual(content.entries.slice(0, forced.entries.length), forced.entries);
  });
}

function member(id: bigint, isLearner: boolean): ClusterMember {
  return { id, isLearner, peerUrls: [`http://10.0.0.${id}:2380`], name: `m${id}`, clientUrls: [] };
}
