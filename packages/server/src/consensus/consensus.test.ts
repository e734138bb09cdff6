import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ConfChangeType,
  type Entry,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  MessageType,
  type NodeId,
  newMessage,
  type RawNode,
} from "@quorate/raft";
import { DEFAULT_SLICE_LIMITS, Slices } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { encodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { RequestIds } from "../cluster/request-ids.ts";
import { Consensus } from "./consensus.ts";
import type { Proposal } from "./proposal.ts";
import { ENTRIES_IN_A_TURN } from "./received-appends.ts";
import type { ConsensusOptions } from "./surroundings.ts";
import { newNode, Probe } from "./testing.ts";

const LOCAL_ID = 1n;
const MIB = 2 ** 20;
const ELECTION_TICKS = 10;

/** Consensus of one of three members; its loop, its disk and its database do what the test says, when it says so. */
class Driven {
  readonly sent: Message[] = [];
  /** What the disk has not finished. */
  readonly writes: Message[] = [];
  readonly applied: number[] = [];
  readonly fatal: string[] = [];
  backlogBytes = 0;
  logBytes = 0;
  /** The entry that takes more than one turn, and its end. */
  longEntry = 0;
  endLongEntry: () => void = () => {};
  readonly node: RawNode;
  readonly consensus: Consensus;
  readonly #storage = new MemoryStorage();
  readonly #clock = new ManualClock();

  constructor(voters: readonly NodeId[] = [LOCAL_ID, 2n, 3n]) {
    const events = {
      send: (messages: readonly Message[]) => this.sent.push(...messages),
      applyEntry: (entry: Entry, proposal: Proposal | undefined) => {
        this.applied.push(entry.index);
        proposal?.apply(undefined as never);
        if (entry.index !== this.longEntry) return undefined;
        return new Promise<void>((resolve) => {
          this.endLongEntry = resolve;
        });
      },
    };
    this.node = newNode(LOCAL_ID, voters, this.#storage);
    const clock = this.#clock;
    this.consensus = new Consensus({
      node: this.node,
      writer: { append: (message: Message) => this.writes.push(message) },
      events: new Proxy(events, { get: (target, name) => Reflect.get(target, name) ?? (() => undefined) }),
      ...{ localId: LOCAL_ID, appliedIndex: 1, appliedTerm: 1, ids: new RequestIds(LOCAL_ID, 0) },
      ...{ requestTimeoutMs: 7_000, electionTimeoutMs: 1_000, electionTicks: ELECTION_TICKS },
      ...{ members: () => voters, connectedSince: () => 0 },
      ...{ clock, applying: new Slices(clock) },
      backlogBytes: () => this.backlogBytes,
      logBytes: () => this.logBytes,
      onFatal: (error: Error) => this.fatal.push(error.message),
    } as unknown as ConsensusOptions);
  }

  /** The disk finishes what it has to do. */
  finishWrites(): void {
    for (const { entries, snapshot, responses } of this.writes.splice(0)) {
      if (snapshot !== undefined) this.#storage.applySnapshot(snapshot);
      this.#storage.append(entries);
      this.consensus.durable(responses);
    }
  }

  turn(): void {
    this.#clock.runTurn();
  }

  /** A turn with what its promises lead to. Returns how many entries were applied in it. */
  async wholeTurn(): Promise<number> {
    const before = this.applied.length;
    this.turn();
    await new Promise((resolve) => setImmediate(resolve));
    return this.applied.length - before;
  }

  /** Makes this member the leader of term 2, with the first entry of its term applied. */
  lead(): void {
    this.consensus.campaign();
    this.finishWrites();
    this.consensus.receive([message(MessageType.MsgVoteResp, 2n, { term: 2 })]);
    this.finishWrites();
    this.acknowledge(2);
    this.sent.length = 0;
  }

  /** Both others have everything up to `index`. */
  acknowledge(index: number): void {
    const fields = { term: 2, index };
    this.consensus.receive([
      message(MessageType.MsgAppResp, 2n, fields),
      message(MessageType.MsgAppResp, 3n, fields),
    ]);
  }

  propose(...sizes: number[]): Probe[] {
    return sizes.map((size, i) => {
      const data = encodeInternalRequest(InternalField.put, new Uint8Array(size), BigInt(i + 1), "", 0);
      const probe = new Probe({ data });
      this.consensus.propose(probe);
      return probe;
    });
  }

  /** Appends of its leader, member 2 of term 2, with one entry of `size` bytes for each of `indexes`. */
  receiveEntries(indexes: readonly number[], size: number, commit: number): void {
    const entries = indexes.map((index) => ({
      type: 0 as const,
      term: 2,
      index,
      data: new Uint8Array(size),
    }));
    const index = indexes[0]! - 1;
    const logTerm = index === 1 ? 1 : 2;
    this.consensus.receive([message(MessageType.MsgApp, 2n, { term: 2, index, logTerm, entries, commit })]);
  }

  sentOf(type: MessageType): Message[] {
    return this.sent.filter((each) => each.type === type);
  }
}

function message(type: MessageType, from: NodeId, fields: Partial<Message>): Message {
  return Object.assign(newMessage(type, LOCAL_ID), { from }, fields);
}

describe("an election", () => {
  test("asks nobody for a vote before the own term and vote are durable", () => {
    const member = new Driven();
    member.consensus.campaign();
    assert.deepEqual(member.sent, []);
    member.finishWrites();
    assert.deepEqual(
      member.sentOf(MessageType.MsgVote).map(({ to, term }) => [to, term]),
      [
        [2n, 2],
        [3n, 2],
      ],
    );
  });

  test("is not won on others' votes while the own one is not durable", () => {
    const member = new Driven();
    member.consensus.campaign();
    // Nobody was asked by this life of the member, so these must have been meant for an earlier one of the same term.
    assert.deepEqual(member.sent, []);
    assert.equal(member.consensus.isLeader, false);
    member.finishWrites();
    member.consensus.receive([message(MessageType.MsgVoteResp, 2n, { term: 2 })]);
    assert.equal(member.consensus.isLeader, true);
  });
});

describe("proposals", () => {
  test("go to another leader in messages of a limited size, in order", () => {
    const member = new Driven();
    member.consensus.receive([message(MessageType.MsgHeartbeat, 2n, { term: 2 })]);
    member.propose(...Array<number>(5).fill(0.4 * MIB), 3 * MIB, 10);
    member.turn();
    const sent = member.sentOf(MessageType.MsgProp);
    assert.deepEqual(
      sent.map(({ entries }) => entries.length),
      [2, 2, 1, 1, 1],
    );
  });

  test("of very many, however small, only so many are given to raft in a turn", () => {
    const member = new Driven();
    member.consensus.receive([message(MessageType.MsgHeartbeat, 2n, { term: 2 })]);
    member.propose(...Array<number>(40_000).fill(1));
    const forwarded = () =>
      member
        .sentOf(MessageType.MsgProp)
        .map(({ entries }) => entries.length)
        .reduce((sum, each) => sum + each, 0);
    member.turn();
    assert.equal(forwarded(), 8 * 2048);
    member.turn();
    member.turn();
    assert.equal(forwarded(), 40_000);
  });

  test("beyond what may be uncommitted wait until there is room", () => {
    const member = new Driven();
    member.lead();
    const [first, second] = member.propose(0.6 * MIB, 0.6 * MIB);
    member.turn();
    member.finishWrites();
    member.consensus.tick();
    assert.equal(member.sentOf(MessageType.MsgApp).length, 2, "the first one, to both");
    member.acknowledge(3);
    assert.deepEqual([first!.outcome, second!.outcome], ["applied", "waiting"]);
    member.turn();
    member.finishWrites();
    member.acknowledge(4);
    assert.equal(second!.outcome, "applied");
  });

  test("wait while the database is behind, and go on when it has caught up", () => {
    const member = new Driven();
    member.lead();
    member.backlogBytes = 33 * MIB;
    const [probe] = member.propose(100);
    member.turn();
    member.consensus.tick();
    assert.deepEqual(member.sentOf(MessageType.MsgApp), []);
    member.backlogBytes = 0;
    member.consensus.backlogShrank();
    assert.equal(member.sentOf(MessageType.MsgApp).length, 2);
    member.finishWrites();
    member.acknowledge(3);
    assert.equal(probe!.outcome, "applied");
  });

  test("are refused when too much waits already", () => {
    const member = new Driven();
    member.lead();
    member.backlogBytes = 33 * MIB;
    member.propose(...Array<number>(255).fill(MIB));
    member.turn();
    assert.equal(member.consensus.overloaded, false);
    member.propose(MIB);
    assert.equal(member.consensus.overloaded, true);
    member.backlogBytes = 0;
    member.consensus.backlogShrank();
    assert.equal(member.consensus.overloaded, false, "raft has taken some of them");
  });
});

describe("applying", () => {
  test("is held up while the database is far behind; votes and reads of others go on", () => {
    const member = new Driven();
    member.backlogBytes = 49 * MIB;
    member.receiveEntries([2, 3], 10, 3);
    member.finishWrites();
    assert.deepEqual(member.applied, []);
    assert.equal(member.sentOf(MessageType.MsgAppResp).at(-1)?.index, 3, "what is durable is acknowledged");
    member.backlogBytes = 0;
    member.consensus.tick();
    assert.deepEqual(member.applied, [2, 3]);
  });

  test("waits for the end of an entry that takes more than one turn; votes and acknowledgements go on", async () => {
    const member = new Driven();
    member.longEntry = 2;
    member.receiveEntries([2, 3], 10, 3);
    member.finishWrites();
    member.receiveEntries([4], 10, 4);
    member.finishWrites();
    assert.deepEqual(member.applied, [2]);
    assert.equal(member.consensus.appliedIndex, 1, "nobody may think that it has been applied");
    assert.equal(member.sentOf(MessageType.MsgAppResp).at(-1)?.index, 4, "what is durable is acknowledged");
    const reached = member.consensus.waitApplied(2, 1000);
    member.consensus.tick();
    member.consensus.backlogShrank();
    assert.deepEqual(member.applied, [2]);
    member.endLongEntry();
    await member.consensus.entryEnded();
    assert.equal(await reached, true);
    assert.deepEqual(member.applied, [2, 3, 4]);
    assert.equal(member.consensus.appliedIndex, 4);
  });

  test("ends an entry that is half applied before a snapshot takes its place, and skips what is behind it", async () => {
    const member = new Driven();
    member.longEntry = 2;
    member.receiveEntries([2, 3], 10, 3);
    member.finishWrites();
    const confState = { voters: [LOCAL_ID, 2n, 3n], learners: [], votersOutgoing: [], learnersNext: [] };
    const metadata = { index: 9, term: 2, confState: { ...confState, autoLeave: false } };
    const snapshot = { data: new Uint8Array(0), metadata };
    member.consensus.receive([message(MessageType.MsgSnap, 2n, { term: 2, snapshot })]);
    let isEnded = false;
    const ended = member.consensus.entryEnded().then(() => {
      isEnded = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isEnded, false, "the snapshot has to wait");
    member.endLongEntry();
    await ended;
    member.consensus.snapshotInstalled(metadata);
    member.finishWrites();
    member.receiveEntries([10], 10, 10);
    member.finishWrites();
    assert.deepEqual(member.applied, [2, 10]);
    assert.deepEqual(member.fatal, []);
  });

  for (const [count, size] of [
    [60, 100_000],
    [12_000, 10],
  ] as const) {
    test(`applies ${count} entries of ${size} bytes in slices, each of which is as much as fits a turn`, async () => {
      const most = Math.ceil(DEFAULT_SLICE_LIMITS.turn / (size + 256));
      const indexes = Array.from({ length: count }, (_, i) => i + 2);
      const member = new Driven();
      const reached = member.consensus.waitApplied(count + 1, 1_000);
      // In appends that go to raft at once, and committed all together.
      for (let from = 0; from < count; from += ENTRIES_IN_A_TURN) {
        member.receiveEntries(indexes.slice(from, from + ENTRIES_IN_A_TURN), size, 1);
        member.finishWrites();
      }
      const all = { term: 2, logTerm: 2, index: count + 1, commit: count + 1 };
      member.consensus.receive([message(MessageType.MsgApp, 2n, all)]);
      member.finishWrites();
      assert.equal(member.applied.length, most);
      assert.equal(member.consensus.appliedIndex, most + 1);
      assert.equal(
        member.consensus.overloaded,
        false,
        "what is being applied is no reason to refuse anything",
      );
      // Nothing else makes it go faster.
      member.consensus.tick();
      member.consensus.backlogShrank();
      assert.equal(member.applied.length, most);
      await member.consensus.entryEnded();
      let turns = 1;
      for (; member.applied.length < count; turns++) {
        const applied = await member.wholeTurn();
        assert.ok(applied > 0 && applied <= most, `${applied}`);
      }
      assert.ok(turns <= 1 + count / most);
      assert.deepEqual(member.applied, indexes);
      assert.equal(await reached, true);
      assert.deepEqual(member.fatal, []);
    });
  }

  test("proposes nothing more while what is committed is applied in slices", async () => {
    const member = new Driven();
    member.lead();
    member.propose(...Array<number>(3000).fill(300));
    member.turn();
    member.finishWrites();
    member.acknowledge(3002);
    const [late] = member.propose(10);
    const appends = () => member.writes.flatMap(({ entries }) => entries).length;
    let turns = 0;
    for (; member.applied.length < 3000; turns++) {
      assert.equal(appends(), 0);
      await member.wholeTurn();
    }
    assert.equal(turns, 1);
    await member.wholeTurn();
    assert.equal(appends(), 1);
    member.finishWrites();
    member.acknowledge(3003);
    await member.wholeTurn();
    assert.equal(late!.outcome, "applied");
  });

  test("forgets what was put off when a snapshot takes its place", async () => {
    const member = new Driven();
    const indexes = Array.from({ length: 30 }, (_, i) => i + 2);
    member.receiveEntries(indexes, 100_000, 31);
    member.finishWrites();
    const applied = member.applied.length;
    assert.ok(applied < 12);
    const confState = { voters: [LOCAL_ID, 2n, 3n], learners: [], votersOutgoing: [], learnersNext: [] };
    const metadata = { index: 99, term: 2, confState: { ...confState, autoLeave: false } };
    const snapshot = { data: new Uint8Array(0), metadata };
    member.consensus.receive([message(MessageType.MsgSnap, 2n, { term: 2, snapshot })]);
    assert.equal(await member.wholeTurn(), 0);
    member.consensus.snapshotInstalled(metadata);
    member.finishWrites();
    member.receiveEntries([100], 10, 100);
    member.finishWrites();
    await member.wholeTurn();
    assert.deepEqual(member.applied.slice(applied), [100]);
    assert.deepEqual(member.fatal, []);
  });

  test("takes no more entries when the log in memory is full, and asks for them again later", () => {
    const member = new Driven();
    member.backlogBytes = 49 * MIB;
    member.logBytes = 257 * MIB;
    member.receiveEntries([2], 10, 2);
    member.finishWrites();
    member.receiveEntries([3], 10, 3);
    assert.deepEqual(member.writes, [], "it is as if the network had lost them");
    member.backlogBytes = 0;
    member.consensus.backlogShrank();
    member.receiveEntries([4], 10, 4);
    member.finishWrites();
    const answer = member.sentOf(MessageType.MsgAppResp).at(-1);
    assert.deepEqual([answer?.reject, answer?.rejectHint], [true, 2]);
  });

  test("skips what a received snapshot has overtaken", () => {
    const member = new Driven();
    member.backlogBytes = 49 * MIB;
    member.receiveEntries([2], 10, 2);
    member.finishWrites();
    const confState = { voters: [LOCAL_ID, 2n, 3n], learners: [], votersOutgoing: [], learnersNext: [] };
    const metadata = { index: 9, term: 2, confState: { ...confState, autoLeave: false } };
    const snapshot = { data: new Uint8Array(0), metadata };
    member.consensus.receive([message(MessageType.MsgSnap, 2n, { term: 2, snapshot })]);
    member.backlogBytes = 0;
    member.consensus.tick();
    assert.deepEqual(member.applied, [], "the state at 9 is on its way: entry 2 may not change it");
    member.consensus.snapshotInstalled(metadata);
    member.finishWrites();
    member.receiveEntries([10], 10, 10);
    member.finishWrites();
    assert.deepEqual(member.applied, [10]);
    assert.deepEqual(member.fatal, []);
  });
});

describe("an append of very many entries", () => {
  const count = 3 * ENTRIES_IN_A_TURN + 10;
  const indexes = Array.from({ length: count }, (_, i) => i + 2);

  test("goes to raft over several turns, and is appended, answered and committed as a whole", async () => {
    const member = new Driven();
    member.receiveEntries(indexes, 0, count + 1);
    // A later one comes behind it, a heartbeat before.
    member.receiveEntries([count + 2], 0, count + 2);
    const context = Uint8Array.of(7);
    member.consensus.receive([message(MessageType.MsgHeartbeat, 2n, { term: 2, context })]);
    assert.equal(member.sentOf(MessageType.MsgHeartbeatResp).length, 1);
    const appended: number[] = [];
    for (let turn = 0; turn < 10 && appended.length <= count; turn++) {
      const written = member.writes.flatMap(({ entries }) => entries.map(({ index }) => index));
      assert.ok(written.length <= ENTRIES_IN_A_TURN, `${written.length} entries in turn ${turn}`);
      appended.push(...written);
      member.finishWrites();
      await member.wholeTurn();
    }
    assert.deepEqual(appended, [...indexes, count + 2]);
    assert.equal(member.consensus.committedIndex, count + 2);
    const answers = member.sentOf(MessageType.MsgAppResp);
    assert.deepEqual([answers.at(-1)!.index, answers.some(({ reject }) => reject)], [count + 2, false]);
    assert.deepEqual(member.fatal, []);
  });

  test("is forgotten when the member stops", async () => {
    const member = new Driven();
    member.receiveEntries(indexes, 0, 1);
    member.writes.length = 0;
    void member.consensus.stop().catch(() => {});
    for (let turn = 0; turn < 5; turn++) await member.wholeTurn();
    assert.deepEqual(member.writes, []);
    assert.deepEqual(member.fatal, []);
  });
});

describe("a broken invariant", () => {
  const waysIn: readonly { name: string; enter: (consensus: Consensus) => void }[] = [
    { name: "a tick", enter: (consensus) => consensus.tick() },
    { name: "ticks at the start", enter: (consensus) => consensus.advanceTicks(1) },
    { name: "the start", enter: (consensus) => consensus.start() },
    { name: "a message", enter: (consensus) => consensus.receive([]) },
    { name: "a link", enter: (consensus) => consensus.reportUnreachable(2n) },
    { name: "a snapshot that was sent", enter: (consensus) => consensus.reportSnapshot(2n, true) },
    { name: "an operator's transfer", enter: (consensus) => consensus.transferLeadership(2n) },
    { name: "an election", enter: (consensus) => consensus.campaign() },
    { name: "the disk", enter: (consensus) => consensus.durable([]) },
    {
      name: "a change of members",
      enter: (consensus) => {
        consensus
          .proposeConfChange({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: 3n })
          .catch(() => {});
      },
    },
  ];
  for (const { name, enter } of waysIn) {
    test(`stops the member when ${name} meets it`, () => {
      const member = new Driven();
      member.node.hasReady = () => {
        throw new Error("raft's state is corrupt");
      };
      enter(member.consensus);
      assert.deepEqual(member.fatal, ["raft's state is corrupt"]);
      const late = new Probe({});
      member.consensus.propose(late);
      assert.equal(late.outcome, "etcdserver: server stopped");
      member.consensus.tick();
      assert.equal(member.fatal.length, 1);
    });
  }

  test("stops the member when an entry does not follow the last one", () => {
    const member = new Driven();
    member.receiveEntries([2], 1, 0);
    member.finishWrites();
    const entries = [{ type: 0 as const, term: 2, index: 3, data: new Uint8Array(1) }];
    const ready = member.node.ready.bind(member.node);
    member.node.hasReady = () => member.applied.length === 0 && member.fatal.length === 0;
    member.node.ready = () => ({
      ...ready(),
      messages: [{ ...newMessage(MessageType.MsgStorageApply, LOCAL_APPLY_THREAD), entries }],
    });
    member.consensus.tick();
    assert.deepEqual(member.fatal, ["assertion failed: entry 3 follows 1"]);
    assert.deepEqual(member.applied, []);
  });
});

test("a leader probes a follower of which it has not heard for an election timeout, and feeds it again when it has", () => {
  const member = new Driven();
  member.lead();
  const appendsTo = (id: NodeId) => member.sentOf(MessageType.MsgApp).filter(({ to }) => to === id).length;
  for (let tick = 0; tick <= ELECTION_TICKS; tick++) {
    member.consensus.receive([message(MessageType.MsgHeartbeatResp, 2n, { term: 2 })]);
    member.consensus.tick();
  }
  member.sent.length = 0;
  let index = 2;
  const propose = () => {
    member.propose(10);
    member.turn();
    member.finishWrites();
    index++;
    member.consensus.receive([message(MessageType.MsgAppResp, 2n, { term: 2, index })]);
  };
  for (let i = 0; i < 5; i++) propose();
  assert.ok(appendsTo(2n) >= 5);
  assert.equal(appendsTo(3n), 1, "one probe, until it answers");
  member.consensus.receive([message(MessageType.MsgAppResp, 3n, { term: 2, index: 3 })]);
  member.sent.length = 0;
  for (let i = 0; i < 5; i++) propose();
  assert.ok(appendsTo(3n) >= 5);
});
