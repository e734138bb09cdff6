import assert from "node:assert/strict";
import test from "node:test";
import { limitMessages } from "./limit-messages.ts";
import type { RecordedMessage } from "./recorder.ts";

/** One message a millisecond; every second one is a heartbeat. */
const messages = Array.from(
  { length: 1_000 },
  (_, i) => ({ sentMs: i, type: i % 2 === 0 ? "MsgHeartbeat" : "MsgApp" }) as RecordedMessage,
);
const times = (kept: readonly RecordedMessage[], type: string) =>
  kept.filter((message) => message.type === type).map(({ sentMs }) => sentMs);

test("all messages are kept while they are few enough", () => {
  assert.deepEqual(limitMessages(messages, 1_000, 500), { messages, notes: [] });
});

test("heartbeats go first, those that are far from the violation", () => {
  const { messages: kept, notes } = limitMessages(messages, 600, 500);
  assert.equal(kept.length, 600);
  assert.equal(times(kept, "MsgApp").length, 500);
  const heartbeats = times(kept, "MsgHeartbeat");
  assert.ok(heartbeats[0]! > 300 && heartbeats.at(-1)! < 700, `${heartbeats[0]} ${heartbeats.at(-1)}`);
  assert.ok(heartbeats.includes(500));
  assert.match(notes.join(), /Of 1000 messages, .* some heartbeats/);
  assert.deepEqual(
    kept.map(({ sentMs }) => sentMs),
    kept.map(({ sentMs }) => sentMs).sort((a, b) => a - b),
  );
});

test("then what is far from the violation goes, and the page says so", () => {
  const { messages: kept, notes } = limitMessages(messages, 100, 999);
  assert.deepEqual(times(kept, "MsgHeartbeat"), []);
  assert.deepEqual([times(kept, "MsgApp")[0], times(kept, "MsgApp").at(-1), kept.length], [801, 999, 100]);
  assert.match(notes.join(), /no heartbeats.* from 0\.80 s to 1\.00 s/);
});

test("a violation at the start keeps what follows it", () => {
  const { messages: kept } = limitMessages(messages, 100, 10);
  assert.deepEqual([kept[0]!.sentMs, kept.length], [1, 100]);
});
