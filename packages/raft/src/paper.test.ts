/** The rules of figure 2 and the properties of section 5 of the Raft paper (Ongaro, Ousterhout 2014). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isRaftError } from "./errors.ts";
import { Group } from "./testing/group.ts";
import { LoneMember, message, normal } from "./testing/lone-member.ts";
import { type Message, MessageType, StateType } from "./types.ts";

const { StateFollower, StateCandidate, StateLeader } = StateType;
const { MsgApp, MsgAppResp, MsgVote, MsgVoteResp, MsgHeartbeat, MsgHeartbeatResp } = MessageType;
const roles = [StateFollower, StateCandidate, StateLeader];
const ofType = (messages: readonly Message[], type: MessageType) => messages.filter((m) => m.type === type);

describe("rules for all servers", () => {
  for (const role of roles) {
    for (const type of [MsgApp, MsgVote, MsgHeartbeat, MsgAppResp, MsgVoteResp, MsgHeartbeatResp]) {
      test(`role ${role} that sees a higher term in message ${type} takes it and follows`, () => {
        const member = new LoneMember({ log: [1] }).become(role);
        member.step(type, { term: 9, index: 1, logTerm: 1 });
        assert.deepEqual([member.state, member.term], [StateFollower, 9]);
      });

      test(`role ${role} does not act on message ${type} of a lower term`, () => {
        const member = new LoneMember({ log: [5] }).become(role);
        const before = member.node.basicStatus();
        const answers = member.step(type, { term: 1, index: 1, logTerm: 5, entries: [normal(2, 1)] });
        assert.deepEqual(member.node.basicStatus(), before);
        assert.deepEqual(answers, []);
      });
    }
  }

  test("what is committed is applied, in order", () => {
    const member = new LoneMember({ log: [1, 1, 1] });
    member.step(MsgHeartbeat, { term: 1, commit: 2 });
    assert.deepEqual(
      member.applied.map(({ index }) => index),
      [1, 2],
    );
  });
});

describe("followers (5.2)", () => {
  test("stand for election when they hear nothing for an election timeout", () => {
    const member = new LoneMember({ term: 1 });
    member.ticks(9);
    assert.equal(member.state, StateFollower);
    const requests = ofType(member.ticks(1), MsgVote);
    assert.deepEqual([member.state, member.term, member.node.raft.vote], [StateCandidate, 2, 1n]);
    assert.deepEqual(
      requests.map(({ to, term }) => [to, term]),
      [
        [2n, 2],
        [3n, 2],
      ],
    );
  });

  for (const type of [MsgApp, MsgHeartbeat]) {
    test(`wait on when message ${type} of the leader comes in time`, () => {
      const member = new LoneMember({ term: 1 });
      member.ticks(9);
      member.step(type, { term: 1 });
      member.ticks(9);
      assert.equal(member.state, StateFollower);
    });
  }

  test("wait on when they grant a vote, not when they refuse one", () => {
    const granting = new LoneMember({ term: 1 });
    granting.ticks(9);
    granting.step(MsgVote, { term: 1 });
    granting.ticks(9);
    assert.equal(granting.state, StateFollower);
    const refusing = new LoneMember({ log: [1] });
    refusing.ticks(9);
    refusing.step(MsgVote, { term: 1 });
    refusing.ticks(1);
    assert.equal(refusing.state, StateCandidate);
  });
});

describe("election timeouts (5.2)", () => {
  test("are drawn anew, from all of [n, 2n)", () => {
    const seen = new Set<number>();
    let next = 0;
    const member = new LoneMember({ config: { random: { below: (limit) => next++ % limit } } });
    for (let i = 0; i < 1000; i++) {
      member.node.campaign();
      member.drain();
      seen.add(member.node.raft.randomizedElectionTimeout);
    }
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
    );
  });
});

describe("candidates (5.2)", () => {
  const outcomes = [
    { size: 1, granted: [], refused: [], state: StateLeader },
    { size: 3, granted: [2, 3], refused: [], state: StateLeader },
    { size: 3, granted: [2], refused: [], state: StateLeader },
    { size: 3, granted: [], refused: [2, 3], state: StateFollower },
    { size: 3, granted: [], refused: [2], state: StateCandidate },
    { size: 3, granted: [], refused: [], state: StateCandidate },
    { size: 5, granted: [2, 3], refused: [], state: StateLeader },
    { size: 5, granted: [2], refused: [3], state: StateCandidate },
    { size: 5, granted: [], refused: [2, 3, 4], state: StateFollower },
    { size: 5, granted: [2], refused: [3, 4], state: StateCandidate },
    { size: 4, granted: [2], refused: [], state: StateCandidate },
    { size: 4, granted: [], refused: [2, 3], state: StateFollower },
  ];
  for (const { size, granted, refused, state } of outcomes) {
    test(`of ${size}, with ${granted.length} votes and ${refused.length} refusals become role ${state}`, () => {
      const voters = Array.from({ length: size }, (_, i) => i + 1);
      const member = new LoneMember({ voters });
      member.node.campaign();
      member.drain();
      for (const from of granted) member.step(MsgVoteResp, { from: BigInt(from), term: 1 });
      for (const from of refused) member.step(MsgVoteResp, { from: BigInt(from), term: 1, reject: true });
      assert.deepEqual([member.state, member.term], [state, 1]);
    });
  }

  test("the same vote counts once, and the first answer stands", () => {
    const member = new LoneMember({ voters: [1, 2, 3, 4, 5] });
    member.node.campaign();
    member.drain();
    for (let i = 0; i < 3; i++) member.step(MsgVoteResp, { term: 1 });
    member.step(MsgVoteResp, { term: 1, reject: true });
    assert.deepEqual(member.node.raft.tracker.tallyVotes(), { granted: 2, rejected: 0, result: 1 });
  });

  for (const type of [MsgApp, MsgHeartbeat]) {
    test(`follow whoever sends message ${type} in their term`, () => {
      const member = new LoneMember({ term: 1 }).become(StateCandidate);
      member.step(type, { term: 2, from: 3n });
      assert.deepEqual([member.state, member.term, member.node.raft.lead], [StateFollower, 2, 3n]);
    });
  }

  test("start again when nobody wins", () => {
    const member = new LoneMember({ term: 1 }).become(StateCandidate);
    member.ticks(10);
    assert.deepEqual([member.state, member.term], [StateCandidate, 3]);
  });

  test("do not count their own vote before it is durable", () => {
    const member = new LoneMember({ voters: [1] });
    member.node.campaign();
    assert.equal(member.state, StateCandidate);
    const ready = member.node.ready();
    assert.deepEqual([ready.hardState?.vote, ready.mustSync, member.state], [1n, true, StateCandidate]);
    member.node.advance();
    assert.equal(member.state, StateLeader);
  });
});

describe("votes (5.2, 5.4.1)", () => {
  const cases = [
    { name: "a free vote is given", vote: 0n, log: [], last: [0, 0], granted: true },
    { name: "it is given again to the same", vote: 2n, log: [], last: [0, 0], granted: true },
    { name: "nobody else gets it in this term", vote: 3n, log: [], last: [0, 0], granted: false },
    { name: "an equal log is good enough", vote: 0n, log: [1, 2], last: [2, 2], granted: true },
    { name: "a longer one of the same term as well", vote: 0n, log: [1, 2], last: [3, 2], granted: true },
    { name: "a shorter one of the same term is not", vote: 0n, log: [2, 2], last: [1, 2], granted: false },
    { name: "a later term beats length", vote: 0n, log: [2, 2], last: [1, 3], granted: true },
    { name: "length does not beat a later term", vote: 0n, log: [1, 3], last: [9, 2], granted: false },
  ];
  for (const { name, vote, log, last, granted } of cases) {
    test(name, () => {
      const member = new LoneMember({ log, term: 5, vote });
      const [index, logTerm] = last as [number, number];
      const [answer] = member.step(MsgVote, { term: 5, index, logTerm });
      assert.deepEqual([answer?.type, answer?.reject, answer?.term], [MsgVoteResp, !granted, 5]);
      assert.equal(member.node.raft.vote, granted ? 2n : vote);
    });
  }

  test("are durable before they are given", () => {
    const member = new LoneMember({ term: 1 });
    member.node.step(message(MsgVote, { term: 2 }));
    const ready = member.node.ready();
    assert.deepEqual(ready.hardState, { term: 2, vote: 2n, commit: 0 });
    assert.equal(ready.mustSync, true);
  });
});

describe("leaders (5.3)", () => {
  test("send an empty entry and heartbeats at once and regularly", () => {
    const member = new LoneMember({ term: 1 });
    member.node.campaign();
    member.drain();
    const first = member.step(MsgVoteResp, { term: 2 });
    assert.deepEqual(
      ofType(first, MsgApp).map(({ to, entries }) => [to, entries.length]),
      [
        [2n, 1],
        [3n, 1],
      ],
    );
    assert.deepEqual(
      ofType(member.ticks(1), MsgHeartbeat).map(({ to }) => to),
      [2n, 3n],
    );
  });

  test("send what is proposed, after the entry before it", () => {
    const member = new LoneMember({ log: [1] }).become(StateLeader);
    member.step(MsgAppResp, { term: 2, index: 2 });
    member.node.propose(new TextEncoder().encode("x"));
    const [m] = ofType(member.drain(), MsgApp).filter(({ to }) => to === 2n);
    assert.deepEqual(
      [m?.index, m?.logTerm, m?.entries.map(({ index, term }) => [index, term])],
      [2, 2, [[3, 2]]],
    );
  });

  const acks = [
    { size: 1, acked: 0, commits: true },
    { size: 3, acked: 0, commits: false },
    { size: 3, acked: 1, commits: true },
    { size: 5, acked: 1, commits: false },
    { size: 5, acked: 2, commits: true },
    { size: 4, acked: 1, commits: false },
    { size: 4, acked: 2, commits: true },
  ];
  for (const { size, acked, commits } of acks) {
    test(`of ${size} ${commits ? "commit" : "do not commit"} what ${acked} others have`, () => {
      const voters = Array.from({ length: size }, (_, i) => i + 1);
      const member = new LoneMember({ voters }).become(StateLeader);
      for (let i = 0; i < acked; i++) member.step(MsgAppResp, { from: BigInt(i + 2), term: 1, index: 1 });
      assert.equal(member.node.raft.log.committed, commits ? 1 : 0);
    });
  }

  const older = [
    { name: "an entry of an older term is not committed by counting", index: 2, want: 0 },
    { name: "nor is one before it", index: 1, want: 0 },
    { name: "the first entry of the own term commits all before it", index: 3, want: 3 },
  ];
  for (const { name, index, want } of older) {
    test(`${name} (5.4.2, figure 8)`, () => {
      const member = new LoneMember({ log: [1, 2], term: 2 }).become(StateLeader);
      member.step(MsgAppResp, { term: 3, index });
      assert.equal(member.node.raft.log.committed, want);
    });
  }

  test("tell everybody what is committed", () => {
    const member = new LoneMember({}).become(StateLeader);
    member.step(MsgAppResp, { term: 1, index: 1, from: 3n });
    const told = member.step(MsgAppResp, { term: 1, index: 1 });
    assert.deepEqual(
      told.map(({ to, commit }) => [to, commit]),
      [[2n, 1]],
    );
  });

  test("do not count their own log before it is durable", () => {
    const member = new LoneMember({ voters: [1] }).become(StateLeader);
    member.node.propose(new Uint8Array(1));
    const ready = member.node.ready();
    assert.deepEqual([ready.entries.length, member.node.raft.log.committed], [1, 1]);
    member.node.advance();
    assert.equal(member.node.raft.log.committed, 2);
  });

  test("never overwrite or delete entries of their own log", () => {
    const member = new LoneMember({ log: [1, 1] }).become(StateLeader);
    const before = member.logTerms;
    member.step(MsgApp, { term: 2, index: 0, logTerm: 0, entries: [normal(1, 2)] });
    assert.deepEqual(member.logTerms, before);
  });

  test("go back until the logs agree", () => {
    const member = new LoneMember({ log: [1, 3, 3, 3, 5, 5, 5, 5, 5] }).become(StateLeader);
    const [probe] = ofType(
      member.step(MsgAppResp, { term: 6, index: 9, reject: true, rejectHint: 6, logTerm: 2 }),
      MsgApp,
    );
    assert.deepEqual([probe?.index, probe?.logTerm], [1, 1]);
  });
});

describe("entries from a leader (5.3)", () => {
  const cases = [
    { name: "are refused when they do not follow", prev: [2, 9], terms: [], log: [1, 2], reject: true },
    { name: "are refused beyond the end", prev: [3, 3], terms: [], log: [1, 2], reject: true },
    { name: "are taken at the end", prev: [2, 2], terms: [3], log: [1, 2, 3], reject: false },
    {
      name: "replace conflicting ones and all that follow",
      prev: [0, 0],
      terms: [3],
      log: [3],
      reject: false,
    },
    { name: "that are there already change nothing", prev: [0, 0], terms: [1], log: [1, 2], reject: false },
    {
      name: "replace from the first conflict on",
      prev: [0, 0],
      terms: [1, 3, 3],
      log: [1, 3, 3],
      reject: false,
    },
  ];
  for (const { name, prev, terms, log, reject } of cases) {
    test(name, () => {
      const member = new LoneMember({ log: [1, 2] });
      const [index, logTerm] = prev as [number, number];
      const entries = terms.map((term, i) => normal(index + i + 1, term));
      const [answer] = member.step(MsgApp, { term: 3, index, logTerm, entries });
      assert.deepEqual([answer?.type, answer?.reject], [MsgAppResp, reject]);
      assert.equal(answer?.index, reject ? index : index + entries.length);
      assert.deepEqual(member.logTerms, log);
    });
  }

  const commits = [
    { commit: 0, entries: 0, want: 0 },
    { commit: 1, entries: 0, want: 1 },
    { commit: 2, entries: 0, want: 1 },
    { commit: 2, entries: 1, want: 2 },
    { commit: 9, entries: 1, want: 2 },
  ];
  for (const { commit, entries, want } of commits) {
    test(`with ${entries} entries after 1 and leader commit ${commit} commit ${want}`, () => {
      const member = new LoneMember({ log: [1, 1] });
      const news = Array.from({ length: entries }, () => normal(2, 1));
      member.step(MsgApp, { term: 1, index: 1, logTerm: 1, entries: news, commit });
      assert.equal(member.node.raft.log.committed, want);
    });
  }

  const hints = [
    { name: "a follower that is too short says where it ends", log: [1, 1], prev: [9, 5], hint: [2, 1] },
    {
      name: "a follower skips terms the leader cannot have there",
      log: [1, 1, 4, 4],
      prev: [4, 2],
      hint: [2, 1],
    },
    { name: "a follower names the end of a term", log: [1, 1, 1, 1, 2, 2], prev: [9, 5], hint: [6, 2] },
  ];
  for (const { name, log, prev, hint } of hints) {
    test(name, () => {
      const [index, logTerm] = prev as [number, number];
      const [answer] = new LoneMember({ log }).step(MsgApp, { term: 7, index, logTerm });
      assert.deepEqual(
        [answer?.reject, answer?.index, answer?.rejectHint, answer?.logTerm],
        [true, index, ...hint],
      );
    });
  }
});

describe("the logs of figure 7", () => {
  const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const followers = {
    a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
    b: [1, 1, 1, 4],
    c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    e: [1, 1, 1, 4, 4, 4, 4],
    f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  };
  for (const [name, log] of Object.entries(followers)) {
    test(`follower ${name} ends up with the leader's`, () => {
      const top = new LoneMember({ log: leader, term: 7 });
      const other = new LoneMember({ log, term: 7 });
      top.node.campaign();
      top.drain();
      let toFollower = top.step(MsgVoteResp, { term: 8, from: 3n }).filter(({ to }) => to === 2n);
      for (let rounds = 0; toFollower.length > 0 && rounds < 30; rounds++) {
        // The follower thinks it is 1 and that the leader is 2; both say "1" of themselves.
        const answers = toFollower.flatMap((m) => other.step(m.type, { ...m, to: 1n, from: 2n }));
        toFollower = answers
          .flatMap((m) => top.step(m.type, { ...m, to: 1n, from: 2n }))
          .filter(({ to }) => to === 2n);
      }
      assert.deepEqual(other.logTerms, [...leader, 8]);
    });
  }
});

describe("a whole group", () => {
  test("elects one leader, replicates, commits and applies", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.node(1).propose(new TextEncoder().encode("x"));
    group.settle();
    for (const { applied, node } of group.members.values()) {
      assert.deepEqual(
        applied.map(({ index, term }) => [index, term]),
        [
          [2, 2],
          [3, 2],
        ],
      );
      assert.equal(node.raft.lead, 1n);
    }
  });

  test("a leader without a majority commits nothing; its successor's entries replace its own", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.deliver = (m) => m.from !== 1n && m.to !== 1n;
    group.node(1).propose(new TextEncoder().encode("lost"));
    group.settle();
    group.elect(2);
    group.node(2).propose(new TextEncoder().encode("kept"));
    group.settle();
    assert.equal(group.member(1).applied.length, 1);
    group.deliver = () => true;
    group.tick(2, 1);
    group.settle();
    const texts = group.member(1).applied.map(({ data }) => new TextDecoder().decode(data));
    assert.deepEqual(texts, ["", "", "kept"]);
  });

  test("a follower that was away catches up", () => {
    const group = new Group([1, 2, 3]);
    group.elect(1);
    group.deliver = (m) => m.to !== 3n;
    for (let i = 0; i < 20; i++) group.node(1).propose(new Uint8Array(1));
    group.settle();
    assert.equal(group.member(3).applied.length, 1);
    group.deliver = () => true;
    group.tick(1, 1);
    group.settle();
    assert.equal(group.member(3).applied.length, 21);
  });

  test("proposals without a leader are dropped, and say so", () => {
    const group = new Group([1, 2, 3]);
    assert.throws(
      () => group.node(2).propose(new Uint8Array(1)),
      (error) => isRaftError(error, "PROPOSAL_DROPPED"),
    );
  });
});
