import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Config, ReadOnlyOption } from "./config.ts";
import { isRaftError, RaftError } from "./errors.ts";
import { MemoryStorage } from "./log/memory-storage.ts";
import { newMessage, writesZero, ZeroField } from "./message.ts";
import { RawNode } from "./raw-node.ts";
import { NO_LIMIT } from "./size.ts";
import { statusToJson } from "./status.ts";
import { Group } from "./testing/group.ts";
import { LoneMember, message, normal } from "./testing/lone-member.ts";
import { ProgressState } from "./tracker/progress.ts";
import {
  ConfChangeTransition,
  ConfChangeType,
  EntryType,
  emptyConfState,
  LOCAL_APPEND_THREAD,
  MessageType,
  StateType,
} from "./types.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const dropped = (error: unknown) => isRaftError(error, "PROPOSAL_DROPPED");

function configOf(changes: Partial<Config> = {}): Config {
  return {
    id: 1n,
    electionTick: 10,
    heartbeatTick: 1,
    storage: new MemoryStorage(),
    random: { below: () => 0 },
    maxSizePerMsg: 1024,
    maxInflightMsgs: 256,
    ...changes,
  };
}

describe("a configuration is refused", () => {
  const cases: { changes: Partial<Config>; want: string }[] = [
    { changes: { id: 0n }, want: "cannot use none as id" },
    { changes: { id: LOCAL_APPEND_THREAD }, want: "cannot use local target as id" },
    { changes: { heartbeatTick: 0 }, want: "heartbeat tick must be greater than 0" },
    { changes: { electionTick: 1 }, want: "election tick must be greater than heartbeat tick" },
    { changes: { maxInflightMsgs: 0 }, want: "max inflight messages must be greater than 0" },
    { changes: { maxInflightBytes: 1 }, want: "max inflight bytes must be >= max message size" },
    {
      changes: { readOnlyOption: ReadOnlyOption.ReadOnlyLeaseBased },
      want: "CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased",
    },
  ];
  for (const { changes, want } of cases) {
    test(`when it says: ${want}`, () => {
      assert.throws(() => new RawNode(configOf(changes)), { code: "INVALID_CONFIG", message: want });
    });
  }
});

describe("bootstrap", () => {
  test("starts with one committed conf change a member", () => {
    const node = new RawNode(configOf());
    node.bootstrap([{ id: 1n, context: bytes("a") }, { id: 2n }]);
    const ready = node.ready();
    assert.deepEqual(ready.hardState, { term: 1, vote: 0n, commit: 2 });
    assert.deepEqual(
      ready.entries.map(({ type, term, index }) => [type, term, index]),
      [
        [1, 1, 1],
        [1, 1, 2],
      ],
    );
    assert.equal(Buffer.from(ready.entries[0]!.data).toString("hex"), "10001801220161");
    assert.deepEqual(ready.committedEntries, ready.entries);
  });

  test("needs members and an empty storage", () => {
    assert.throws(() => new RawNode(configOf()).bootstrap([]), { code: "BOOTSTRAP_NO_PEERS" });
    const storage = new MemoryStorage();
    storage.append([normal(1, 1)]);
    assert.throws(() => new RawNode(configOf({ storage })).bootstrap([{ id: 1n }]), {
      code: "BOOTSTRAP_NONEMPTY_STORAGE",
    });
  });
});

describe("messages that have no business here", () => {
  const cases = [
    { type: MessageType.MsgBeat, from: 2n, want: "raft: cannot step raft local message" },
    { type: MessageType.MsgHup, from: 2n, want: "raft: cannot step raft local message" },
    { type: MessageType.MsgStorageAppendResp, from: 2n, want: "raft: cannot step raft local message" },
    { type: MessageType.MsgAppResp, from: 9n, want: "raft: cannot step as peer not found" },
    { type: MessageType.MsgHeartbeatResp, from: 9n, want: "raft: cannot step as peer not found" },
    { type: MessageType.MsgReadIndexResp, from: 9n, want: "raft: cannot step as peer not found" },
  ];
  for (const { type, from, want } of cases) {
    test(`${type} from ${from}: ${want}`, () => {
      const { node } = new LoneMember({});
      assert.throws(() => node.step(message(type, { from, term: 1 })), { message: want });
    });
  }

  test("nonsense from a confused member harms nobody", () => {
    for (const state of [StateType.StateFollower, StateType.StateCandidate, StateType.StateLeader]) {
      for (const type of Object.values(MessageType)) {
        for (const term of [0, 2, 9]) {
          const { node } = new LoneMember({ log: [1, 1] }).become(state);
          try {
            node.step(
              message(type, { term, index: 1, logTerm: 1, rejectHint: 99, context: new Uint8Array(3) }),
            );
            while (node.hasReady()) {
              node.ready();
              node.advance();
            }
          } catch (error) {
            const codes = ["PROPOSAL_DROPPED", "STEP_LOCAL_MESSAGE", "STEP_PEER_NOT_FOUND"] as const;
            assert.ok(
              codes.some((code) => isRaftError(error, code)),
              `${type}: ${error}`,
            );
          }
        }
      }
    }
  });

  test("a forwarded request loses a term that it should not have", () => {
    const member = new LoneMember({ term: 1 });
    member.step(MessageType.MsgHeartbeat, { term: 1, from: 2n });
    const sent = member.step(MessageType.MsgTransferLeader, { term: 1, from: 3n });
    assert.deepEqual(
      sent.map(({ type, to, from }) => [type, to, from]),
      [[MessageType.MsgTransferLeader, 2n, 3n]],
    );
  });
});

describe("Ready", () => {
  test("does not sync for a commit index alone", () => {
    const member = new LoneMember({ log: [1] });
    member.node.step(message(MessageType.MsgHeartbeat, { term: 1, commit: 1 }));
    const ready = member.node.ready();
    assert.deepEqual([ready.hardState?.commit, ready.mustSync], [1, false]);
  });

  test("must be followed by advance", () => {
    const member = new LoneMember({ voters: [1] });
    member.node.campaign();
    member.node.ready();
    assert.throws(() => member.node.ready(), /two accepted Ready structs without call to Advance/);
  });

  test("is empty when there is nothing to do", () => {
    const member = new LoneMember({});
    assert.equal(member.node.hasReady(), false);
    const { messages, entries, mustSync, softState } = member.node.ready();
    assert.deepEqual([messages, entries, mustSync, softState], [[], [], false, undefined]);
  });

  test("with storage threads there is no advance", () => {
    assert.throws(() => new RawNode(configOf({ asyncStorageWrites: true })).advance(), /AsyncStorageWrites/);
  });
});

describe("proposals", () => {
  test("of a batch are consecutive entries in one message", () => {
    const member = new LoneMember({}).become(StateType.StateLeader);
    member.step(MessageType.MsgAppResp, { term: 1, index: 1 });
    member.node.proposeBatch([bytes("a"), bytes("b"), bytes("c")]);
    const sent = member.drain().filter(({ to }) => to === 2n);
    assert.deepEqual(
      sent.map(({ entries }) => entries.map(({ index, data }) => [index, text(data)])),
      [
        [
          [2, "a"],
          [3, "b"],
          [4, "c"],
        ],
      ],
    );
  });

  test("an empty batch is nothing", () => {
    const { node } = new LoneMember({ voters: [1] }).become(StateType.StateLeader);
    const last = node.raft.log.lastIndex();
    assert.equal(node.proposeBatch([]), 0);
    assert.equal(node.raft.log.lastIndex(), last);
    assert.equal(node.hasReady(), false);
  });

  test("delivered twice by the network become two entries, and do not share one", () => {
    const member = new LoneMember({ voters: [1] }).become(StateType.StateLeader);
    const m = { ...newMessage(MessageType.MsgProp, 1n), from: 2n, entries: [normal(0, 0, "x")] };
    member.node.step(m);
    member.node.step(m);
    member.drain();
    assert.deepEqual(
      member.applied.map(({ index, data }) => [index, text(data)]),
      [
        [1, ""],
        [2, "x"],
        [3, "x"],
      ],
    );
  });

  test("are forwarded by followers, unless that is switched off", () => {
    for (const disableProposalForwarding of [false, true]) {
      const member = new LoneMember({ term: 1, config: { disableProposalForwarding } });
      member.step(MessageType.MsgHeartbeat, { term: 1 });
      if (disableProposalForwarding) {
        assert.throws(() => member.node.propose(bytes("x")), dropped);
        continue;
      }
      member.node.propose(bytes("x"));
      const [m] = member.drain();
      assert.deepEqual([m?.type, m?.to, m?.from, m?.term], [MessageType.MsgProp, 2n, 1n, 0]);
    }
  });

  test("are refused when the uncommitted tail is too large, but never the first or an empty one", () => {
    const member = new LoneMember({ voters: [1], config: { maxUncommittedEntriesSize: 10 } });
    member.become(StateType.StateLeader);
    member.node.propose(new Uint8Array(20));
    assert.throws(() => member.node.propose(new Uint8Array(1)), dropped);
    member.node.propose(new Uint8Array(0));
    member.drain();
    member.node.propose(new Uint8Array(1));
  });

  test("of malformed conf changes are refused, and block nothing", () => {
    const member = new LoneMember({ voters: [1] }).become(StateType.StateLeader);
    const entries = [{ ...normal(0, 0), type: EntryType.EntryConfChange, data: new Uint8Array([8]) }];
    assert.throws(() => member.node.step(message(MessageType.MsgProp, { entries })), { code: "MALFORMED" });
    member.node.proposeConfChange({ type: ConfChangeType.ConfChangeAddLearnerNode, nodeId: 2n });
    member.drain();
    assert.deepEqual(member.confState.learners, [2n]);
  });
});

describe("linearizable reads", () => {
  /** Leader of three in term 1, with its first entry committed. */
  function leader(config: Partial<Config> = {}): LoneMember {
    const member = new LoneMember({ config }).become(StateType.StateLeader);
    member.step(MessageType.MsgAppResp, { term: 1, index: 1 });
    return member;
  }
  const context = (position: number) => {
    const data = new Uint8Array(8);
    data[0] = position;
    return data;
  };
  const answers = (member: LoneMember) => member.reads.map((read) => [read.index, text(read.requestContext)]);

  test("are confirmed up to the position that a quorum echoed, each at its own index", () => {
    const member = leader();
    member.node.readIndex(bytes("A"));
    const first = member.drain().filter(({ to }) => to === 2n);
    assert.deepEqual(
      first.map(({ context }) => context),
      [context(1)],
    );
    member.node.proposeBatch([bytes("x"), bytes("y")]);
    member.drain();
    member.step(MessageType.MsgAppResp, { term: 1, index: 3 });
    member.node.readIndex(bytes("B"));
    assert.deepEqual(
      member
        .drain()
        .filter(({ to }) => to === 3n)
        .map((m) => m.context),
      [context(2)],
    );
    member.step(MessageType.MsgHeartbeatResp, { term: 1, from: 2n, context: context(2) });
    assert.deepEqual(answers(member), [
      [1, "A"],
      [3, "B"],
    ]);
  });

  test("an older echo confirms only older reads", () => {
    const member = leader();
    member.node.readIndex(bytes("A"));
    member.node.readIndex(bytes("B"));
    member.step(MessageType.MsgHeartbeatResp, { term: 1, from: 3n, context: context(1) });
    assert.deepEqual(answers(member), [[1, "A"]]);
  });

  test("wait for the first commit of the term", () => {
    const member = new LoneMember({ log: [1], commit: 1 }).become(StateType.StateLeader);
    member.node.readIndex(bytes("A"));
    assert.deepEqual(member.drain(), []);
    member.step(MessageType.MsgAppResp, { term: 2, index: 2 });
    member.step(MessageType.MsgHeartbeatResp, { term: 2, context: context(1) });
    assert.deepEqual(answers(member), [[2, "A"]]);
  });

  test("a learner's echo does not count, and neither does nonsense", () => {
    const group = new Group([1, 2, 3], {}, { voters: [1n, 2n], learners: [3n] });
    group.elect(1);
    group.deliver = ({ to }) => to !== 2n;
    group.node(1).readIndex(bytes("A"));
    group.settle();
    for (const data of [new Uint8Array(3), new Uint8Array(9).fill(255)]) {
      group.node(1).step(message(MessageType.MsgHeartbeatResp, { term: 2, context: data }));
    }
    group.settle();
    assert.deepEqual(group.member(1).reads, []);
    group.deliver = () => true;
    group.tick(1, 1);
    group.settle();
    assert.equal(group.member(1).reads.length, 1);
  });

  test("a sole voter answers at once, from the first commit of its term on", () => {
    const member = new LoneMember({ voters: [1], log: [1], commit: 1 });
    member.node.campaign();
    // The own vote is counted, and with it the election won; the first entry of the term is not written yet.
    member.handleReady();
    assert.equal(member.state, StateType.StateLeader);
    member.node.readIndex(bytes("A"));
    assert.equal(member.node.raft.readStates.length, 0, "what others committed before may be missing");
    member.handleReady();
    member.node.readIndex(bytes("B"));
    member.handleReady();
    assert.deepEqual(answers(member), [
      [2, "A"],
      [2, "B"],
    ]);
  });

  test("a removed leader answers nothing by itself, although another one is the only voter", () => {
    const group = new Group([1, 2]);
    group.elect(1);
    group.node(1).proposeConfChange({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: 1n });
    group.settle();
    assert.equal(group.node(1).raft.state, StateType.StateLeader);
    group.deliver = () => false;
    group.node(1).readIndex(bytes("A"));
    group.settle();
    assert.deepEqual(group.member(1).reads, []);
  });

  test("a lease answers without a round", () => {
    const member = leader({ checkQuorum: true, readOnlyOption: ReadOnlyOption.ReadOnlyLeaseBased });
    member.node.readIndex(bytes("A"));
    assert.deepEqual(member.drain(), []);
    assert.deepEqual(answers(member), [[1, "A"]]);
  });

  test("of a follower are answered through the leader", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.node(2).readIndex(bytes("A"));
    group.settle();
    assert.deepEqual(group.member(2).reads, [{ index: 2, requestContext: bytes("A") }]);
  });

  test("of a deposed leader are forgotten", () => {
    const member = leader();
    member.node.readIndex(bytes("A"));
    member.step(MessageType.MsgHeartbeat, { term: 2 });
    member.node.campaign();
    member.drain();
    member.step(MessageType.MsgVoteResp, { term: 3 });
    member.step(MessageType.MsgAppResp, { term: 3, index: 2 });
    member.step(MessageType.MsgHeartbeatResp, { term: 3, context: context(1) });
    assert.deepEqual(member.reads, []);
  });
});

describe("leadership transfer", () => {
  test("to an up-to-date member happens at once, in spite of leases", () => {
    const group = new Group([1, 2, 3], { checkQuorum: true, preVote: true });
    group.elect(1);
    group.node(1).transferLeader(3n);
    group.settle();
    assert.deepEqual([group.node(3).raft.state, group.node(1).raft.lead], [StateType.StateLeader, 3n]);
  });

  test("to a member that is behind waits until it is not", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.deliver = ({ to }) => to !== 3n;
    group.node(1).propose(bytes("x"));
    group.settle();
    group.deliver = () => true;
    group.node(1).transferLeader(3n);
    assert.throws(() => group.node(1).propose(bytes("y")), dropped);
    group.tick(1, 1);
    group.settle();
    assert.equal(group.node(3).raft.state, StateType.StateLeader);
  });

  test("is given up after an election timeout", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.deliver = ({ to }) => to !== 3n;
    group.node(1).transferLeader(3n);
    group.tick(1, 9);
    assert.equal(group.node(1).raft.leadTransferee, 3n);
    group.tick(1, 1);
    assert.equal(group.node(1).raft.leadTransferee, 0n);
    group.node(1).propose(bytes("x"));
  });

  for (const [name, target] of [
    ["a learner", 3n],
    ["a stranger", 9n],
    ["itself", 1n],
  ] as const) {
    test(`to ${name} has no effect`, () => {
      const group = new Group([1, 2, 3], {}, { voters: [1n, 2n], learners: [3n] });
      group.elect(1);
      group.node(1).transferLeader(target);
      group.node(1).propose(bytes("x"));
      group.settle();
      assert.equal(group.node(1).raft.state, StateType.StateLeader);
    });
  }
});

describe("leases and pre-votes", () => {
  test("a member that heard from the leader just now ignores candidates until it forgets it", () => {
    const group = new Group([1, 2, 3], { electionTick: 3, checkQuorum: true, preVote: true });
    group.elect(1);
    const member = group.node(2);
    group.tick(2, 2);
    const ask = () =>
      member.step({ ...newMessage(MessageType.MsgPreVote, 2n), from: 3n, term: 9, index: 9, logTerm: 9 });
    ask();
    assert.equal(member.hasReady(), false);
    member.forgetLeader();
    ask();
    const [answer] = group.member(2).handleReady().messages;
    assert.deepEqual([answer?.type, answer?.reject, answer?.term], [MessageType.MsgPreVoteResp, false, 9]);
    assert.equal(member.raft.term, 2);
  });

  test("a leader that hears nobody steps down at the second check at the latest", () => {
    const group = new Group([1, 2, 3], { checkQuorum: true });
    group.elect(1);
    group.deliver = () => false;
    group.tick(1, 20);
    assert.equal(group.node(1).raft.state, StateType.StateFollower);
  });

  test("a member with a higher term ends a leader that cannot hear of it otherwise", () => {
    const group = new Group([1, 2, 3], { checkQuorum: true });
    group.elect(1);
    group.deliver = (m) => m.from !== 3n && m.to !== 3n;
    group.elect(3);
    group.deliver = () => true;
    group.tick(1, 1);
    group.settle();
    assert.ok(group.node(1).raft.term >= group.node(3).raft.term);
    assert.equal(group.node(1).raft.state, StateType.StateFollower);
  });

  test("a pre-candidate changes neither term nor vote", () => {
    const member = new LoneMember({ term: 1, vote: 2n, config: { preVote: true } });
    member.ticks(10);
    assert.deepEqual(member.node.raft.hardState(), { term: 1, vote: 2n, commit: 0 });
    assert.equal(member.state, StateType.StatePreCandidate);
  });
});

describe("snapshots", () => {
  /** A leader that cannot serve member 2 from its log. */
  function compactedLeader(): Group {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.deliver = ({ to }) => to !== 2n;
    for (let i = 0; i < 5; i++) group.node(1).propose(bytes("x"));
    group.settle();
    const { storage } = group.member(1);
    storage.createSnapshot(7, undefined, bytes("state"));
    storage.compact(7);
    group.node(1).reportUnreachable(2n);
    return group;
  }
  const progress = (group: Group) => group.node(1).raft.tracker.get(2n)!;

  test("bring back a member whose entries are compacted away", () => {
    const group = compactedLeader();
    group.deliver = () => true;
    group.tick(1, 1);
    group.settle();
    assert.equal(group.member(2).storage.snapshot().metadata.index, 7);
    group.node(1).propose(bytes("y"));
    group.settle();
    assert.equal(group.member(2).applied.at(-1)?.index, 8);
    assert.equal(progress(group).state, ProgressState.StateReplicate);
  });

  for (const [outcome, next] of [
    ["finished", 8],
    ["failed", 3],
  ] as const) {
    test(`that ${outcome} are followed by a probe from ${next}, after the next sign of life`, () => {
      const group = compactedLeader();
      group.node(1).step(message(MessageType.MsgHeartbeatResp, { from: 2n, term: 2 }));
      group.settle();
      assert.equal(progress(group).state, ProgressState.StateSnapshot);
      group.node(1).reportSnapshot(2n, outcome);
      const { state, next: at, msgAppFlowPaused } = progress(group);
      assert.deepEqual([state, at, msgAppFlowPaused], [ProgressState.StateProbe, next, true]);
    });
  }

  test("that are being made are asked for again later", () => {
    const group = compactedLeader();
    const { storage } = group.member(1);
    const made = storage.snapshot();
    storage.snapshot = () => {
      throw new RaftError("SNAPSHOT_TEMPORARILY_UNAVAILABLE");
    };
    group.deliver = () => true;
    group.tick(1, 1);
    group.settle();
    assert.equal(progress(group).state, ProgressState.StateProbe);
    storage.snapshot = () => made;
    group.tick(1, 1);
    group.settle();
    assert.equal(group.member(2).storage.snapshot().metadata.index, 7);
  });
});

describe("membership", () => {
  const add = (nodeId: bigint) => ({ type: ConfChangeType.ConfChangeAddNode, nodeId });

  test("goes through a joint configuration and leaves it by itself", () => {
    const group = new Group([1, 2, 3, 4], {}, { voters: [1n, 2n, 3n] });
    group.elect(1);
    group.node(1).proposeConfChange({
      changes: [add(4n), { type: ConfChangeType.ConfChangeRemoveNode, nodeId: 3n }],
    });
    group.settle();
    assert.deepEqual(group.member(1).confState, { ...emptyConfState(), voters: [1n, 2n, 4n] });
  });

  test("stays joint until told, when asked to", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    const transition = ConfChangeTransition.ConfChangeTransitionJointExplicit;
    group.node(1).proposeConfChange({
      transition,
      changes: [{ type: ConfChangeType.ConfChangeRemoveNode, nodeId: 3n }],
    });
    group.settle();
    assert.deepEqual(group.member(1).confState.votersOutgoing, [1n, 2n, 3n]);
    group.node(1).proposeConfChange(undefined);
    group.settle();
    assert.deepEqual(group.member(1).confState, { ...emptyConfState(), voters: [1n, 2n] });
  });

  test("a second change before the first is applied becomes an empty entry", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.node(1).proposeConfChange(add(4n));
    group.node(1).proposeConfChange(add(5n));
    group.settle();
    assert.deepEqual(group.member(1).confState.voters, [1n, 2n, 3n, 4n]);
    const last = group.member(1).applied.at(-1)!;
    assert.deepEqual([last.type, last.typeIsExplicit, last.data.length], [EntryType.EntryNormal, true, 0]);
  });

  for (const stepDownOnRemoval of [false, true]) {
    test(`a removed leader ${stepDownOnRemoval ? "steps down" : "leads on, but takes no proposals"}`, () => {
      const group = new Group([1, 2, 3], { stepDownOnRemoval });
      group.elect(1);
      group.node(1).proposeConfChange({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: 1n });
      group.settle();
      const want = stepDownOnRemoval ? StateType.StateFollower : StateType.StateLeader;
      assert.equal(group.node(1).raft.state, want);
      assert.throws(() => group.node(1).propose(bytes("x")), dropped);
    });
  }

  test("a change with node 0 changes nothing: so an application refuses one", () => {
    const group = new Group([1, 2, 3]);
    assert.deepEqual(group.node(1).applyConfChange(add(0n)).voters, [1n, 2n, 3n]);
  });
});

describe("what others see", () => {
  test("status as JSON is etcd's", () => {
    const member = new LoneMember({ voters: [1, 10] });
    member.node.campaign();
    member.drain();
    member.step(MessageType.MsgVoteResp, { term: 1, from: 10n });
    assert.equal(
      statusToJson(member.node.status()),
      '{"id":"1","term":1,"vote":"1","commit":0,"lead":"1","raftState":"StateLeader","applied":0,"progress":' +
        '{"1":{"match":1,"next":2,"state":"StateReplicate"},"a":{"match":0,"next":1,"state":"StateProbe"}},' +
        '"leadtransferee":"0"}',
    );
  });

  test("zeros are written where the sender sets them", () => {
    const zeros = (type: MessageType, reject = false) => writesZero({ ...newMessage(type, 1n), reject });
    assert.equal(zeros(MessageType.MsgHeartbeat), ZeroField.Commit);
    assert.equal(zeros(MessageType.MsgApp), ZeroField.LogTerm | ZeroField.Index | ZeroField.Commit);
    assert.equal(zeros(MessageType.MsgAppResp), 0);
    assert.equal(
      zeros(MessageType.MsgAppResp, true),
      ZeroField.LogTerm | ZeroField.Index | ZeroField.RejectHint,
    );
  });

  test("messages are limited in size, and each holds at least one entry", () => {
    for (const [maxSizePerMsg, want] of [
      [0, [1, 1, 1]],
      [30, [2, 1]],
      [NO_LIMIT, [3]],
    ] as const) {
      const member = new LoneMember({ config: { maxSizePerMsg } }).become(StateType.StateLeader);
      member.step(MessageType.MsgAppResp, { term: 1, index: 1 });
      const sizes: number[] = [];
      member.node.proposeBatch([1, 2, 3].map(() => new Uint8Array(8)));
      const count = (messages: readonly { to: bigint; entries: readonly unknown[] }[]) => {
        for (const { to, entries } of messages)
          if (to === 2n && entries.length > 0) sizes.push(entries.length);
      };
      count(member.drain());
      for (let index = 1 + (sizes[0] ?? 0); index < 4; index += sizes.at(-1) ?? 1) {
        count(member.step(MessageType.MsgAppResp, { term: 1, index }));
      }
      assert.deepEqual(sizes, want);
    }
  });

  test("at most as many messages are on the way as the window allows", () => {
    const member = new LoneMember({ config: { maxInflightMsgs: 2, maxSizePerMsg: 0 } }).become(
      StateType.StateLeader,
    );
    member.step(MessageType.MsgAppResp, { term: 1, index: 1 });
    for (let i = 0; i < 5; i++) member.node.propose(new Uint8Array(1));
    const toTwo = member.drain().filter(({ to, entries }) => to === 2n && entries.length > 0);
    assert.equal(toTwo.length, 2);
  });
});
