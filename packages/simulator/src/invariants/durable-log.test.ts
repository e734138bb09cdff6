import assert from "node:assert/strict";
import test from "node:test";
import { type HardState, type Message, MessageType, newMessage } from "@quorate/raft";
import { DurableLog } from "./durable-log.ts";
import { LogTerms } from "./log-terms.ts";

const SELF = 1n;
const OTHER = 2n;

const state = (term: number, vote: bigint, commit: number): HardState => ({ term, vote, commit });
const entries = (term: number, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ index: from + i, term }));

function message(type: MessageType, term: number, index = 0, reject = false): Message {
  return { ...newMessage(type, OTHER), from: SELF, term, index, reject };
}

/** A request for votes, for a log that ends with this entry. */
function request(type: MessageType, term: number, index: number, logTerm: number): Message {
  return { ...message(type, term, index), logTerm };
}

/** A member that has voted for itself in term 2, and has entries 1 to 3 of that term; all of it durable. */
function durable(log: DurableLog): void {
  log.saved(state(2, SELF, 1), entries(2, 1, 3));
  log.syncing()();
}

interface Case {
  readonly name: string;
  readonly happens: (log: DurableLog) => void;
  /** undefined: all is well. */
  readonly broken: RegExp | undefined;
}

const cases: Case[] = [
  {
    name: "votes and acknowledgements leave when they are durable",
    happens: (log) => {
      durable(log);
      log.sending(request(MessageType.MsgVote, 2, 3, 2));
      log.sending(request(MessageType.MsgPreVote, 3, 3, 2));
      log.sending(message(MessageType.MsgAppResp, 2, 3));
      log.saved(state(3, OTHER, 1), []);
      log.syncing()();
      log.sending(message(MessageType.MsgVoteResp, 3));
    },
    broken: undefined,
  },
  {
    name: "refusals, questions before an election and a leader's entries need not wait",
    happens: (log) => {
      log.sending(message(MessageType.MsgVoteResp, 5, 0, true));
      log.sending(message(MessageType.MsgAppResp, 5, 9, true));
      log.sending(message(MessageType.MsgPreVote, 5));
      log.sending(message(MessageType.MsgApp, 5, 9));
    },
    broken: undefined,
  },
  {
    name: "an acknowledgement of an earlier term is late",
    happens: (log) => {
      durable(log);
      log.saved(state(3, OTHER, 1), entries(3, 2, 2));
      log.syncing()();
      log.sending(message(MessageType.MsgAppResp, 2, 3));
    },
    broken: undefined,
  },
  {
    name: "a request for votes leaves during the write",
    happens: (log) => {
      log.saved(state(2, SELF, 0), []);
      log.syncing();
      log.sending(message(MessageType.MsgVote, 2));
    },
    broken: /^durable-promises: m asks for votes in term 2, and durable is only term 0/,
  },
  {
    name: "a request for votes leaves, and the vote is durable for somebody else",
    happens: (log) => {
      log.saved(state(2, OTHER, 0), []);
      log.syncing()();
      log.sending(message(MessageType.MsgVote, 2));
    },
    broken: /^durable-promises: m asks for votes/,
  },
  {
    name: "a request for votes names an entry that is not durable",
    happens: (log) => {
      durable(log);
      log.saved(undefined, entries(2, 4, 4));
      log.sending(request(MessageType.MsgVote, 2, 4, 2));
    },
    broken:
      /^durable-promises: m asks for votes with a log up to 4 of term 2, and durable is only .* up to 3 of term 2/,
  },
  {
    name: "a question before an election names an entry that is not durable",
    happens: (log) => {
      durable(log);
      log.saved(state(3, OTHER, 1), entries(3, 3, 3));
      log.sending(request(MessageType.MsgPreVote, 4, 3, 3));
    },
    broken: /^durable-promises: m asks for votes with a log up to 3 of term 3/,
  },
  {
    name: "a request for votes of an earlier term leaves late",
    happens: (log) => {
      durable(log);
      log.saved(state(4, OTHER, 1), entries(4, 2, 2));
      log.syncing()();
      log.sending(request(MessageType.MsgVote, 3, 3, 2));
    },
    broken: undefined,
  },
  {
    name: "a vote leaves before it is durable",
    happens: (log) => {
      durable(log);
      log.sending(message(MessageType.MsgVoteResp, 3));
    },
    broken: /^durable-promises: m votes for 2 in term 3/,
  },
  {
    name: "entries are acknowledged before they are durable",
    happens: (log) => {
      durable(log);
      log.saved(undefined, entries(2, 4, 5));
      log.sending(message(MessageType.MsgAppResp, 2, 4));
    },
    broken: /^durable-promises: m acknowledges entries up to 4 in term 2/,
  },
  {
    name: "the commit index goes back",
    happens: (log) => {
      durable(log);
      log.saved(state(2, SELF, 0), []);
    },
    broken: /^hard-state: m: term 2, vote 1, commit 1 was saved, and now term 2, vote 1, commit 0/,
  },
  {
    name: "a member votes twice in a term",
    happens: (log) => {
      durable(log);
      log.saved(state(2, OTHER, 1), []);
    },
    broken: /^hard-state: .* and now term 2, vote 2/,
  },
  {
    name: "the term goes back",
    happens: (log) => {
      durable(log);
      log.saved(state(1, OTHER, 1), []);
    },
    broken: /^hard-state/,
  },
  {
    name: "a commit index is said to be durable and is not",
    happens: (log) => {
      durable(log);
      log.saved(state(2, SELF, 3), []);
      log.promisedCommit(3);
    },
    broken: /^hard-state: m was told that commit index 3 is durable: term 2, vote 1, commit 1/,
  },
  {
    name: "a received snapshot counts from when the commit covers it",
    happens: (log) => {
      durable(log);
      log.savedSnapshot(9, 2);
      log.syncing()();
      assert.equal(log.durable.lastIndex, 3);
      log.saved(state(2, SELF, 9), []);
      log.syncing()();
      assert.equal(log.durable.lastIndex, 9);
      log.savedSnapshot(9, 2);
    },
    broken: undefined,
  },
  {
    name: "what is on its way is what was saved since the sync that ended last began",
    happens: (log) => {
      log.saved(state(2, SELF, 1), entries(2, 1, 3));
      const isDurable = log.syncing();
      log.saved(undefined, entries(2, 4, 5));
      assert.deepEqual(log.durable.underWay, entries(2, 1, 5));
      isDurable();
      assert.deepEqual(log.durable.underWay, entries(2, 4, 5));
    },
    broken: undefined,
  },
  {
    name: "a snapshot's record gets behind that of a later one",
    happens: (log) => {
      log.savedSnapshot(9, 2);
      log.savedSnapshot(3, 2);
    },
    broken: /^snapshot-records: m: the log names the snapshot at 3 behind that at 9/,
  },
];

for (const { name, happens, broken } of cases) {
  test(name, () => {
    const reports: string[] = [];
    happens(logOf(reports, 0, []));
    if (broken === undefined) assert.deepEqual(reports, []);
    else assert.match(reports.join("\n"), broken);
  });
}

/** Entries of an earlier term, from a leader of a later one, were taking the place of the last two. */
const BEFORE = {
  term: 2,
  vote: SELF,
  commit: 1,
  lastIndex: 3,
  lastTerm: 2,
  underWay: [...entries(1, 2, 5), ...entries(3, 6, 6)],
};
const starts: {
  name: string;
  found: HardState;
  terms: number[];
  base?: number;
  broken: RegExp | undefined;
}[] = [
  { name: "what was durable", found: state(2, SELF, 1), terms: [2, 2, 2], broken: undefined },
  { name: "more than that", found: state(3, OTHER, 4), terms: [2, 2, 2, 2], broken: undefined },
  { name: "a snapshot in its place", found: state(2, SELF, 7), base: 7, terms: [], broken: undefined },
  { name: "entries of a later term in its place", found: state(3, 0n, 1), terms: [2, 3], broken: undefined },
  {
    name: "no vote",
    found: state(2, 0n, 1),
    terms: [2, 2, 2],
    broken: /^hard-state: .* a restart finds term 2, vote 0/,
  },
  { name: "an earlier commit index", found: state(2, SELF, 0), terms: [2, 2, 2], broken: /^hard-state/ },
  {
    name: "entries of an earlier term behind a snapshot",
    found: state(2, SELF, 7),
    base: 7,
    terms: [1, 1],
    broken: /^hard-state: m: a restart finds entry 8 of term 1 behind one of a later term/,
  },
  {
    name: "the beginning of what was on its way, from a leader that never had them",
    found: state(2, SELF, 1),
    terms: [1, 1, 1],
    broken: undefined,
  },
  {
    name: "a shorter log",
    found: state(2, SELF, 1),
    terms: [2, 2],
    broken: /^hard-state: m: entry 3 of term 2 was durable/,
  },
];

for (const { name, found, terms, base = 0, broken } of starts) {
  test(`a restart finds ${name}`, () => {
    const reports: string[] = [];
    logOf(reports, base, terms, found).startedAfter(BEFORE);
    if (broken === undefined) assert.deepEqual(reports, []);
    else assert.match(reports.join("\n"), broken);
  });
}

function logOf(
  reports: string[],
  base: number,
  terms: readonly number[],
  found = state(0, 0n, 0),
): DurableLog {
  const log = new LogTerms(base, base === 0 ? 0 : 2);
  log.append(terms.map((term, i) => ({ index: base + i + 1, term })));
  return new DurableLog((invariant, text) => reports.push(`${invariant}: ${text}`), "m", SELF, log, found);
}
