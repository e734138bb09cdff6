import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Entry,
  LOCAL_APPEND_THREAD,
  MemoryStorage,
  type Message,
  MessageType,
  NO_LIMIT,
  newMessage,
  type RawNode,
} from "@quorate/raft";
import { ManualClock } from "@quorate/testkit/clock";
import { fc } from "@quorate/testkit/property";
import { ENTRIES_IN_A_TURN, partOf, ReceivedAppends } from "./received-appends.ts";
import { newNode } from "./testing.ts";

const LOCAL = 1n;
const LEADER = 2n;
const VOTERS = [LOCAL, LEADER, 3n];

function append(fields: Partial<Message>): Message {
  return Object.assign(newMessage(MessageType.MsgApp, LOCAL), { from: LEADER }, fields);
}

function entriesOf(first: number, terms: readonly number[]): Entry[] {
  return terms.map((term, i) => ({ type: 0, term, index: first + i, data: Uint8Array.of(term, i) }));
}

/** A follower whose disk finishes at once. */
class Follower {
  readonly storage = new MemoryStorage();
  readonly node: RawNode = newNode(LOCAL, VOTERS, this.storage);
  readonly answers: Message[] = [];
  committed = 1;

  step(message: Message): void {
    this.node.step(message);
    while (this.node.hasReady()) {
      const { hardState, messages } = this.node.ready();
      if (hardState !== undefined) this.committed = hardState.commit;
      for (const each of messages) {
        if (each.to === LEADER) this.answers.push(each);
        if (each.to === LOCAL_APPEND_THREAD) this.storage.append(each.entries);
        for (const response of each.responses) {
          if (response.to === LEADER) this.answers.push(response);
          else this.node.step(response);
        }
      }
    }
  }

  get log(): readonly Entry[] {
    const end = this.storage.lastIndex() + 1;
    return end === 2 ? [] : this.storage.entries(2, end, NO_LIMIT);
  }
}

/** Terms that only rise, by two: those of other leaders lie between. */
const termsFrom = (first: number) =>
  fc.array(fc.boolean(), { maxLength: 8 }).map((rises) => {
    let term = first;
    return rises.map((isHigher) => {
      if (isHigher) term += 2;
      return term;
    });
  });

test("an append in parts leaves raft where the whole one does, whatever the log was", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5 }),
      termsFrom(3),
      termsFrom(4),
      fc.integer({ min: 0, max: 10 }),
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 1, max: 5 }),
      (shared, knownTerms, leadersTerms, behind, commit, size) => {
        const common = new Array<number>(shared).fill(1);
        const whole = new Follower();
        const parted = new Follower();
        // What the follower has of earlier leaders, and what this one's log is: the two agree on a beginning.
        for (const follower of [whole, parted]) {
          const entries = entriesOf(2, [...common, ...knownTerms]);
          follower.step(append({ term: 30, index: 1, logTerm: 1, entries, commit: 1 }));
          follower.answers.length = 0;
        }
        const log = entriesOf(2, [...common, ...leadersTerms]);
        const at = Math.min(behind, log.length);
        const message = append({
          term: 31,
          index: log[at - 1]?.index ?? 1,
          logTerm: log[at - 1]?.term ?? 1,
          entries: log.slice(at),
          commit: Math.min(commit, log.length + 1),
        });
        whole.step(message);
        const { length } = message.entries;
        for (let from = 0; from === 0 || from < length; from += size) {
          parted.step(partOf(message, from, Math.min(length, from + size)));
        }
        assert.deepEqual(parted.log, whole.log);
        assert.equal(parted.committed, whole.committed);
        const [answer] = whole.answers;
        assert.equal(whole.answers.length, 1);
        // The leader hears of each part, and at last what it hears of the whole one; or at once that it does not fit.
        assert.deepEqual(answer!.reject ? parted.answers[0] : parted.answers.at(-1), answer);
        for (const { reject } of parted.answers) assert.equal(reject, answer!.reject);
      },
    ),
  );
});

test("a turn gives raft so many entries, in order, and what other appends bring comes behind them", () => {
  const clock = new ManualClock();
  const follower = new Follower();
  let entries = 0;
  const appends = new ReceivedAppends(clock, (part) => {
    entries += part.entries.length;
    follower.step(part);
  });
  const count = 3 * ENTRIES_IN_A_TURN + 5;
  const log = entriesOf(2, new Array<number>(count + 10).fill(1));
  const fields = { term: 2, logTerm: 1 };
  const long = append({ ...fields, index: 1, entries: log.slice(0, count), commit: 1 });
  const short = (at: number) =>
    append({ ...fields, index: at + 1, entries: log.slice(at, at + 5), commit: 1 });
  assert.equal(appends.take(newMessage(MessageType.MsgHeartbeat, LOCAL)), false);
  assert.equal(appends.take(long), true);
  assert.equal(appends.take(short(count)), true);
  assert.equal(appends.take(newMessage(MessageType.MsgHeartbeat, LOCAL)), false);
  assert.equal(appends.take(short(count + 5)), true);
  const entriesByTurn = [entries];
  for (let turn = 0; turn < 10 && entries < log.length; turn++) {
    const before = entries;
    clock.runTurn();
    entriesByTurn.push(entries - before);
  }
  assert.deepEqual(entriesByTurn, [ENTRIES_IN_A_TURN, ENTRIES_IN_A_TURN, ENTRIES_IN_A_TURN, 15]);
  assert.deepEqual(follower.log, log);
  assert.equal(
    follower.answers.every(({ reject }) => !reject),
    true,
  );
  // Nothing waits any more.
  assert.equal(appends.take(short(0)), false);
});

test("when it is stopped nothing more is given to raft", () => {
  const clock = new ManualClock();
  let parts = 0;
  const appends = new ReceivedAppends(clock, () => void parts++);
  const entries = entriesOf(2, new Array<number>(2 * ENTRIES_IN_A_TURN + 1).fill(1));
  appends.take(append({ index: 1, entries }));
  appends.stop();
  for (let turn = 0; turn < 5; turn++) clock.runTurn();
  assert.equal(parts, 1);
});
