import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, MessageType, type NodeId, newMessage } from "@quorate/raft";
import { CommitUpdates } from "./commit-updates.ts";

function setUp() {
  let nowMs = 0;
  let due: (() => void) | undefined;
  const sent: Message[] = [];
  const updates = new CommitUpdates(
    {
      nowMs: () => nowMs,
      wallMs: () => 0,
      soon: () => assert.fail("nothing is put off to another turn"),
      setTimer: (_, callback) => {
        due = callback;
        return {
          cancel: () => {
            due = undefined;
          },
        };
      },
    },
    (messages) => sent.push(...messages),
  );
  const pass = (ms: number) => {
    nowMs += ms;
    const callback = due;
    due = undefined;
    callback?.();
  };
  return { updates, sent, pass };
}

function append(to: NodeId, commit: number, entries = 0): Message {
  const message = newMessage(MessageType.MsgApp, to);
  message.commit = commit;
  message.entries = Array.from({ length: entries }, () => ({
    type: 0 as const,
    term: 1,
    index: 1,
    data: new Uint8Array(0),
  }));
  return message;
}

test("a commit waits for the next entries, and goes out alone when none come", () => {
  const { updates, sent, pass } = setUp();
  assert.deepEqual(updates.withoutHeld([append(2n, 5), append(3n, 5)]), []);
  const next = append(2n, 6, 1);
  assert.deepEqual(updates.withoutHeld([next]), [next]);
  pass(1);
  assert.deepEqual(
    sent.map(({ to, commit }) => [to, commit]),
    [[3n, 5]],
  );
  pass(10);
  assert.equal(sent.length, 1);
});

test("of several only the newest is sent", () => {
  const { updates, sent, pass } = setUp();
  updates.withoutHeld([append(2n, 5)]);
  updates.withoutHeld([append(2n, 6)]);
  pass(1);
  assert.deepEqual(
    sent.map(({ commit }) => commit),
    [6],
  );
});

test("everything else goes out at once and in its order", () => {
  const { updates } = setUp();
  const heartbeat = newMessage(MessageType.MsgHeartbeat, 2n);
  const entries = append(3n, 5, 2);
  const messages = [heartbeat, entries];
  assert.equal(updates.withoutHeld(messages), messages);
  assert.deepEqual(updates.withoutHeld([heartbeat, append(2n, 5), entries]), [heartbeat, entries]);
});

test("who has asked for something hears of commits at once, for a while", () => {
  const { updates, pass } = setUp();
  const proposal = newMessage(MessageType.MsgProp, 1n);
  proposal.from = 2n;
  updates.received(proposal);
  const update = append(2n, 5);
  assert.deepEqual(updates.withoutHeld([update]), [update]);
  assert.deepEqual(updates.withoutHeld([append(3n, 5)]), []);
  pass(1_000);
  assert.deepEqual(updates.withoutHeld([update]), []);
});

test("after the stop nothing is sent", () => {
  const { updates, sent, pass } = setUp();
  updates.withoutHeld([append(2n, 5)]);
  updates.stop();
  pass(1);
  assert.deepEqual(sent, []);
});
