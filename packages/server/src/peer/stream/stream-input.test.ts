import assert from "node:assert/strict";
import test from "node:test";
import { type Entry, type Message, MessageType, newMessage } from "@quorate/raft";
import { costOf, Slices } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { encoded } from "./encoded.testing.ts";
import { MessageFrameDecoder, writeMessageFrame } from "./message-frames.ts";
import { MsgAppDecoder, MsgAppEncoder } from "./msgapp-frames.ts";
import { StreamInput } from "./stream-input.ts";

const CHUNK_BYTES = 65_536;
const ENTRIES = 30_000;
/** A turn's cost, and what the last chunk or step may bring on top: its bytes, and the entries that fit into it. */
const MOST_IN_A_TURN = 2 ** 20 + costOf(CHUNK_BYTES / 14, CHUNK_BYTES);

/** Appends of very many tiny entries, one after another. */
function appends(count: number): Message[] {
  return Array.from({ length: count }, (_, i) => {
    const first = i * ENTRIES + 1;
    const entries = Array.from(
      { length: ENTRIES },
      (_, k): Entry => ({ type: 0, term: 1, index: first + k, data: Uint8Array.of(k & 0xff) }),
    );
    return Object.assign(newMessage(MessageType.MsgApp, 2n), {
      term: 1,
      logTerm: 1,
      index: first - 1,
      entries,
    });
  });
}

/** Reads `bytes` as from a socket that is paused while the input wants to wait; the messages, and how often it did. */
async function readAll(input: StreamInput, bytes: Uint8Array, slices: Slices) {
  const messages: Message[] = [];
  let waits = 0;
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    input.push(bytes, at, Math.min(bytes.length, at + CHUNK_BYTES));
    messages.push(...input.take());
    while (input.mustWait) {
      waits++;
      await slices.next();
      input.goOn();
      messages.push(...input.take());
    }
  }
  return { messages, waits };
}

const indexesOf = (messages: readonly Message[]) =>
  messages.flatMap(({ entries }) => entries.map(({ index, data }) => `${index} ${data[0]}`));

const streams = [
  {
    name: "entries of a msgapp stream",
    encode: (messages: readonly Message[]) => {
      const encoder = new MsgAppEncoder();
      return encoded(messages, (out, message) => encoder.write(out, message));
    },
    decoder: () => new MsgAppDecoder(1n, 2n),
  },
  {
    name: "whole messages",
    encode: (messages: readonly Message[]) => encoded(messages, writeMessageFrame),
    decoder: () => new MessageFrameDecoder(),
  },
];
for (const { name, encode, decoder } of streams) {
  test(`very many ${name} are decoded over many turns, which all streams share, and in order`, async () => {
    const slices = new Slices(ManualClock.withRealTurns());
    const sent = appends(3);
    const bytes = encode(sent);
    const read = await Promise.all(
      [1, 2, 3].map(() => readAll(new StreamInput(decoder(), slices), bytes, slices)),
    );
    await slices.next();
    for (const { messages, waits } of read) {
      assert.deepEqual(indexesOf(messages), indexesOf(sent));
      assert.ok(waits >= costOf(3 * ENTRIES, 0) / MOST_IN_A_TURN, `${waits} waits`);
    }
    // The streams begin with a chunk each.
    const most = slices.meter.mostInATurn;
    assert.ok(most <= 2 * MOST_IN_A_TURN, `${most} in a turn`);
  });
}

test("what comes at once and is little is decoded at once", () => {
  const slices = new Slices(ManualClock.withRealTurns());
  const input = new StreamInput(new MessageFrameDecoder(), slices);
  const bytes = encoded(
    [newMessage(MessageType.MsgHeartbeat, 2n), newMessage(MessageType.MsgApp, 2n)].map((message) =>
      Object.assign(message, { from: 1n }),
    ),
    writeMessageFrame,
  );
  input.push(bytes, 0, bytes.length);
  assert.equal(input.take().length, 2);
  assert.equal(input.mustWait, false);
  assert.equal(input.take().length, 0);
});
