import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Entry,
  type HardState,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  MessageType,
  newMessage,
  type Ready,
} from "@quorate/raft";
import { AssertionFailure } from "@quorate/storage/assert";
import { Slices } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { encodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { RequestIds } from "../cluster/request-ids.ts";
import { ApplyQueue } from "./apply-queue.ts";
import { ConfChangeWaiters } from "./conf-change-waiters.ts";
import { Consensus } from "./consensus.ts";
import { ForwardedProposals } from "./forwarded-proposals.ts";
import { LogWriter, type LogWriterOptions } from "./log-writer.ts";
import { PendingProposals } from "./pending-proposals.ts";
import type { ConsensusOptions } from "./surroundings.ts";
import { Probe } from "./testing.ts";

const NO_DATA = new Uint8Array(0);

/** What consensus that has applied entry 5 of term 2 calls fatal when raft says these things. */
function fatalOf(
  readies: Partial<Ready>[],
  afterwards: (consensus: Consensus) => void = () => {},
  commit = 5,
): Error[] {
  const waiting = readies.map((each) => ({ readStates: [], messages: [], ...each }));
  const fatal: Error[] = [];
  const clock = new ManualClock();
  const node = {
    basicStatus: () => ({ hardState: state(2, commit) }),
    ...{ hasReady: () => waiting.length > 0, ready: () => waiting.shift(), step: () => {} },
  };
  const consensus = new Consensus({
    node,
    writer: { append: () => {} },
    events: new Proxy({}, { get: () => () => undefined }),
    ...{ localId: 1n, appliedIndex: 5, appliedTerm: 2, ids: new RequestIds(1n, 0) },
    ...{ requestTimeoutMs: 7_000, electionTimeoutMs: 1_000, electionTicks: 10 },
    ...{ members: () => [1n], connectedSince: () => 0, clock, applying: new Slices(clock) },
    ...{ backlogBytes: () => 0, logBytes: () => 0, onFatal: (error: Error) => fatal.push(error) },
  } as unknown as ConsensusOptions);
  consensus.start();
  afterwards(consensus);
  return fatal;
}

function state(term: number, commit: number): HardState {
  return { term, vote: 1n, commit };
}

function applying(...entries: [index: number, term: number][]): Message {
  const message = newMessage(MessageType.MsgStorageApply, LOCAL_APPLY_THREAD);
  message.entries = entries.map(([index, term]): Entry => ({ type: 0, index, term, data: NO_DATA }));
  return message;
}

const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const install = (index: number, term: number) => (consensus: Consensus) =>
  consensus.snapshotInstalled({ index, term, confState });

describe("consensus ends with what raft says or does against its own word:", () => {
  const cases: readonly {
    readonly name: string;
    readonly readies: Partial<Ready>[];
    readonly afterwards?: (consensus: Consensus) => void;
  }[] = [
    {
      name: "raft's term never goes back",
      readies: [{ hardState: state(3, 5) }, { hardState: state(2, 5) }],
    },
    {
      name: "what is committed stays committed",
      readies: [{ hardState: state(2, 7) }, { hardState: state(2, 6) }],
    },
    {
      name: "what is applied is committed",
      readies: [{ hardState: state(2, 6), messages: [applying([6, 2], [7, 2])] }],
    },
    {
      name: "the terms of applied entries never go back",
      readies: [{ hardState: state(2, 6), messages: [applying([6, 1])] }],
    },
    {
      name: "the state of a snapshot is committed",
      readies: [{ hardState: state(2, 6) }],
      afterwards: install(7, 2),
    },
    {
      name: "a snapshot does not go back to an older term",
      readies: [{ hardState: state(2, 7) }],
      afterwards: install(7, 1),
    },
    ...[MessageType.MsgAppResp, MessageType.MsgVoteResp, MessageType.MsgPreVoteResp].map((type) => ({
      name: "acknowledgements and votes leave when they are durable",
      readies: [{ messages: [newMessage(type, 2n)] }],
    })),
  ];
  for (const { name, readies, afterwards } of cases) {
    test(name, () => assert.deepEqual(fatalOf(readies, afterwards), [new AssertionFailure(name)]));
  }

  test("what the log begins after is committed", () => {
    const begin = () => fatalOf([], () => {}, 4);
    assert.throws(begin, new AssertionFailure("what the log begins after is committed"));
  });

  test("nothing, when it applies what the log said was committed, of which raft tells no news", () => {
    assert.deepEqual(
      fatalOf([{ messages: [applying([6, 2])] }], () => {}, 6),
      [],
    );
  });

  test("nothing, when it keeps to it", () => {
    const readies = [
      { hardState: state(2, 7), messages: [applying([6, 2], [7, 2]), newMessage(MessageType.MsgApp, 2n)] },
      { hardState: state(3, 8), messages: [applying([8, 3])] },
      { hardState: state(3, 10) },
    ];
    assert.deepEqual(fatalOf(readies, install(10, 3)), []);
  });
});

/** What a log writer calls fatal when `response` is to be given after entries 1 and 2, term 3 and a vote for 1 are durable. */
async function fatalAnswer(
  response: Partial<Message>,
  durable = { durableIndex: 2, durableTerm: 3 },
): Promise<Error[]> {
  const fatal: Error[] = [];
  const writer = new LogWriter({
    wal: { save: () => {}, sync: () => Promise.resolve(), ...durable },
    ...{ storage: new MemoryStorage(), clock: new ManualClock(), initial: { term: 0, vote: 0n, commit: 0 } },
    ...{ onDurable: () => {}, onFatal: (error: Error) => fatal.push(error) },
  } as unknown as LogWriterOptions);
  const message = newMessage(MessageType.MsgStorageAppend, 0n);
  const entries = [1, 2].map((index): Entry => ({ type: 0, term: 1, index, data: NO_DATA }));
  const responses = [Object.assign(newMessage(MessageType.MsgAppResp, 2n), { term: 3 }, response)];
  writer.append(Object.assign(message, { term: 3, vote: 1n, entries, responses }));
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return fatal;
}

describe("the log's writer answers for nothing that the log does not say:", () => {
  const entries = "the log has what is acknowledged";
  const vote = "the log knows the vote that is given";
  const term = "the log knows the term of what is answered";
  const cases: readonly { readonly response: Partial<Message>; readonly fault: string | undefined }[] = [
    { response: { index: 2 }, fault: undefined },
    { response: { index: 3 }, fault: entries },
    { response: { index: 3, reject: true }, fault: undefined },
    { response: { index: 3, term: 2 }, fault: undefined },
    { response: { type: MessageType.MsgStorageAppendResp, index: 3, logTerm: 3 }, fault: entries },
    { response: { type: MessageType.MsgStorageAppendResp, index: 3, logTerm: 2 }, fault: undefined },
    { response: { index: 2, term: 4 }, fault: term },
    { response: { type: MessageType.MsgVote, term: 4 }, fault: term },
    { response: { type: MessageType.MsgVoteResp, to: 1n }, fault: undefined },
    { response: { type: MessageType.MsgVoteResp, to: 2n }, fault: vote },
    { response: { type: MessageType.MsgVoteResp, to: 2n, reject: true }, fault: undefined },
  ];
  for (const { response, fault } of cases) {
    const fields = Object.entries(response).map(([name, value]) => `${name} ${value}`);
    test(`${fields.join(", ")}: ${fault ?? "is answered"}`, async () => {
      const expected = fault === undefined ? [] : [new AssertionFailure(fault)];
      assert.deepEqual(await fatalAnswer(response), expected);
    });
  }
});

describe("the log's writer answers for nothing that is not on the disk, whatever the log was told:", () => {
  const entries = "what is acknowledged is durable";
  const term = "the term of what is answered is durable";
  const acknowledged = MessageType.MsgStorageAppendResp;
  const cases = [
    { response: { index: 2 }, durableIndex: 1, durableTerm: 3, fault: entries },
    {
      response: { type: acknowledged, index: 2, logTerm: 3 },
      durableIndex: 1,
      durableTerm: 3,
      fault: entries,
    },
    { response: { index: 1 }, durableIndex: 1, durableTerm: 2, fault: term },
    { response: { type: MessageType.MsgVoteResp, to: 1n }, durableIndex: 2, durableTerm: 2, fault: term },
  ];
  for (const { response, durableIndex, durableTerm, fault } of cases) {
    test(`up to ${durableIndex} and term ${durableTerm}: ${fault}`, async () => {
      const fatal = await fatalAnswer(response, { durableIndex, durableTerm });
      assert.deepEqual(fatal, [new AssertionFailure(fault)]);
    });
  }
});

describe("one waits, and once:", () => {
  const put = () => new Probe({ data: encodeInternalRequest(InternalField.put, NO_DATA, 5n, "", 0) });
  const queue = () =>
    new ApplyQueue(
      () => false,
      () => {},
    );
  const cases: readonly { readonly name: string; readonly provoke: () => void }[] = [
    {
      name: "one caller waits for a request ID",
      provoke: () => new ForwardedProposals(1).add([put(), put()]),
    },
    {
      name: "a proposal becomes one entry",
      provoke: () => {
        const pending = new PendingProposals(1);
        const probe = put();
        pending.accepted([probe], 6, 2);
        pending.accepted([probe], 7, 2);
      },
    },
    {
      name: "one caller waits for a change of the members",
      provoke: () => {
        const waiters = new ConfChangeWaiters();
        void waiters.wait(5n);
        void waiters.wait(5n);
      },
    },
    {
      name: "one entry is half applied at a time",
      provoke: () => {
        const applies = queue();
        applies.pause(applying([6, 2]), Promise.resolve());
        applies.pause(applying([7, 2]), Promise.resolve());
      },
    },
    {
      name: "an entry that takes several turns ends once",
      provoke: () => queue().goOn(),
    },
  ];
  for (const { name, provoke } of cases) {
    test(name, () => assert.throws(provoke, new AssertionFailure(name)));
  }
});
