import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryStorage } from "./log/memory-storage.ts";
import { RawNode } from "./raw-node.ts";
import { NO_LIMIT } from "./size.ts";
import { withoutVoteRequests } from "./storage-threads.ts";
import { message, normal } from "./testing/lone-member.ts";
import { emptyConfState, LOCAL_APPEND_THREAD, type Message, MessageType, NO_DATA, NONE } from "./types.ts";

const { MsgApp, MsgHeartbeat, MsgStorageAppend, MsgStorageAppendResp } = MessageType;

/** Member 1 of three with storage threads, whose work the test does when it likes. */
function member(options: { preVote?: boolean } = {}): {
  node: RawNode;
  storage: MemoryStorage;
  takeWork: () => Message;
} {
  const storage = new MemoryStorage();
  const confState = { ...emptyConfState(), voters: [1n, 2n, 3n] };
  storage.applySnapshot({ data: NO_DATA, metadata: { confState, index: 0, term: 0 } });
  const node = new RawNode({
    id: 1n,
    electionTick: 10,
    heartbeatTick: 1,
    storage,
    random: { below: () => 0 },
    maxSizePerMsg: NO_LIMIT,
    maxInflightMsgs: 10,
    asyncStorageWrites: true,
    ...options,
  });
  const takeWork = () => node.ready().messages.find(({ type }) => type === MsgStorageAppend)!;
  return { node, storage, takeWork };
}

function finish(node: RawNode, storage: MemoryStorage, work: Message): void {
  storage.append(work.entries);
  for (const response of work.responses) if (response.to === 1n) node.step(response);
}

describe("storage threads", () => {
  test("get work and hard state together, and answers wait for them", () => {
    const { node, takeWork } = member();
    node.step(message(MessageType.MsgVote, { term: 3, index: 0 }));
    const work = takeWork();
    assert.deepEqual([work.to, work.term, work.vote, work.commit], [LOCAL_APPEND_THREAD, 3, 2n, 0]);
    assert.deepEqual(
      work.responses.map(({ type, to }) => [type, to]),
      [[MessageType.MsgVoteResp, 2n]],
    );
  });

  test("without a new hard state the fields of one are empty", () => {
    const { node, storage, takeWork } = member();
    node.step(message(MsgApp, { term: 1, entries: [normal(1, 1)] }));
    finish(node, storage, takeWork());
    node.step(message(MsgApp, { term: 1, index: 1, logTerm: 1, entries: [normal(2, 1)] }));
    const work = takeWork();
    assert.deepEqual([work.term, work.vote, work.commit], [0, NONE, 0]);
  });

  test("what is handed out is not changed by what comes later", () => {
    const { node, takeWork } = member();
    node.step(message(MsgHeartbeat, { term: 1 }));
    const work = takeWork();
    const { length } = work.responses;
    node.step(message(MsgApp, { term: 1, entries: [normal(1, 1)] }));
    assert.equal(work.responses.length, length);
  });

  for (const { name, start, request, term } of [
    {
      name: "a campaign",
      start: (node: RawNode) => node.step(message(MessageType.MsgTimeoutNow, { term: 1 })),
      request: MessageType.MsgVote,
      term: 2,
    },
    {
      name: "a campaign ahead of the election",
      start: (node: RawNode) => node.campaign(),
      request: MessageType.MsgPreVote,
      term: 2,
    },
  ]) {
    test(`${name} asks for votes when its term, vote and log are durable`, () => {
      const { node, storage } = member({ preVote: true });
      node.step(message(MsgApp, { term: 1, entries: [normal(1, 1)] }));
      finish(node, storage, node.ready().messages.find(({ type }) => type === MsgStorageAppend)!);
      node.ready();
      start(node);
      const { messages } = node.ready();
      const sentAtOnce = withoutVoteRequests(messages);
      assert.deepEqual(
        sentAtOnce.map(({ type }) => type),
        [MsgStorageAppend],
      );
      assert.deepEqual(
        sentAtOnce[0]!.responses.filter(({ type }) => type === request).map((m) => [m.to, m.term, m.index]),
        [
          [2n, term, 1],
          [3n, term, 1],
        ],
      );
      const [first] = sentAtOnce[0]!.responses;
      assert.equal(first?.to, 1n, "the own vote counts before anybody is asked for theirs");
    });
  }

  test("what is no request for a vote need not wait", () => {
    const { node } = member();
    node.step(message(MsgHeartbeat, { term: 1 }));
    const { messages } = node.ready();
    assert.equal(withoutVoteRequests(messages), messages);
  });

  test("an entry that was replaced and came back is durable only when its last write is", () => {
    const { node, storage, takeWork } = member();
    // Entry (1, 1) is handed out, replaced by (1, 2), and comes back with the leader of term 3.
    node.step(message(MsgApp, { term: 1, entries: [normal(1, 1)] }));
    const first = takeWork();
    node.step(message(MsgApp, { term: 2, from: 3n, entries: [normal(1, 2)] }));
    const second = takeWork();
    node.step(message(MsgApp, { term: 3, entries: [normal(1, 1)] }));
    const third = takeWork();
    finish(node, storage, first);
    assert.equal(
      node.raft.log.unstable.length,
      1,
      "the first write counted although the second will overwrite it",
    );
    finish(node, storage, second);
    assert.equal(node.raft.log.unstable.length, 1);
    finish(node, storage, third);
    assert.equal(node.raft.log.unstable.length, 0);
    assert.equal(storage.term(1), 1);
  });

  test("every append speaks for all that is still unstable, also when it writes no entry", () => {
    const { node, takeWork } = member();
    node.step(message(MsgApp, { term: 1, entries: [normal(1, 1)] }));
    takeWork();
    node.step(message(MsgHeartbeat, { term: 2, from: 3n }));
    const work = takeWork();
    const answer = work.responses.find(({ type }) => type === MsgStorageAppendResp);
    assert.deepEqual([work.entries.length, answer?.term, answer?.index, answer?.logTerm], [0, 2, 1, 1]);
  });

  test("committed entries are handed out only when they are durable here", () => {
    const { node, storage } = member();
    node.step(message(MsgApp, { term: 1, entries: [normal(1, 1)], commit: 1 }));
    const ready = node.ready();
    assert.deepEqual(ready.committedEntries, []);
    finish(node, storage, ready.messages.find(({ type }) => type === MsgStorageAppend)!);
    assert.deepEqual(
      node.ready().committedEntries.map(({ index }) => index),
      [1],
    );
  });
});
