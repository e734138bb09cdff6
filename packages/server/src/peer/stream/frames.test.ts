import assert from "node:assert/strict";
import test from "node:test";
import { type Entry, type Message, MessageType, NO_DATA, newMessage } from "@quorate/raft";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { ChunkBuffer } from "./chunk-buffer.ts";
import { encoded } from "./encoded.testing.ts";
import type { FrameDecoder } from "./frame-decoder.ts";
import { MESSAGE_LINK_HEARTBEAT, MessageFrameDecoder, roomFor, writeMessageFrame } from "./message-frames.ts";
import { MSGAPP_LINK_HEARTBEAT, MsgAppDecoder, MsgAppEncoder } from "./msgapp-frames.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** Cuts `input` at positions that `nextLength` chooses. */
function decode(
  decoder: FrameDecoder,
  input: Uint8Array,
  nextLength: () => number = () => input.length,
): Message[] {
  const out: Message[] = [];
  for (let at = 0; at < input.length; ) {
    const end = Math.min(input.length, at + nextLength());
    // Surroundings of the chunk that must not be read.
    const framed = Buffer.concat([Buffer.from([9]), input.subarray(at, end), Buffer.from([9])]);
    for (let position = 1; position < framed.length - 1; ) {
      position = decoder.push(framed, position, framed.length - 1, out);
      while (decoder.isInMessage) decoder.decodeMore(out);
    }
    at = end;
  }
  return out;
}

const entry = (term: number, index: number, data: string): Entry => ({
  type: 0,
  term,
  index,
  data: data === "" ? NO_DATA : Buffer.from(data),
});

function message(type: MessageType, fields: Partial<Message>): Message {
  return Object.assign(newMessage(type, 2n), { from: 1n }, fields);
}

/** Plain enough to compare: entries' data as text. */
const plain = (messages: readonly Message[]) =>
  messages.map(({ entries, context, ...rest }) => ({
    ...rest,
    context: context === undefined ? undefined : Buffer.from(context).toString("hex"),
    entries: entries.map(({ data, ...others }) => ({ ...others, data: Buffer.from(data).toString("hex") })),
  }));

const linkHeartbeats = [
  { release: "3.7", frame: bytes("0000000000000002 0808") },
  { release: "3.6", frame: bytes("0000000000000014 0808100018002000280030004000500058006800") },
  {
    release: "3.5",
    frame: bytes("000000000000001e 08081000180020002800300040004a0a12080a0228001000180050005800"),
  },
];
for (const { release, frame } of linkHeartbeats) {
  test(`the link heartbeat of ${release} reaches nobody`, () => {
    assert.deepEqual(decode(new MessageFrameDecoder(), frame), []);
  });
}

test("our link heartbeats are those of 3.7", () => {
  assert.deepEqual(Buffer.from(MESSAGE_LINK_HEARTBEAT), linkHeartbeats[0]!.frame);
  assert.deepEqual(Buffer.from(MSGAPP_LINK_HEARTBEAT), bytes("00"));
});

test("a raft heartbeat is a message, in the form of each release", () => {
  const ours = message(MessageType.MsgHeartbeat, { term: 1, commit: 6 });
  const frame = bytes("000000000000000a 08081002180120014006");
  assert.deepEqual(encoded([ours], writeMessageFrame), frame);
  assert.deepEqual(plain(decode(new MessageFrameDecoder(), frame)), plain([ours]));

  const older = bytes(
    "000000000000002f 080810e99acbd38eae8796eb0118cdf5d7d9b6f9fab74220022800300040004a0a12080a0228001000180050005800",
  );
  const [read] = decode(new MessageFrameDecoder(), older);
  assert.equal(read?.to, 0xeb2c1d70ea72cd69n);
  assert.equal(read.from, 0x426febcb6b35facdn);
  assert.equal(read.term, 2);
});

const msgAppSteps = [
  { frame: bytes("00"), message: undefined },
  {
    frame: bytes("02 0000000000000021 0803100218012001280130033a110800100118042209736f6d6520646174614002"),
    message: { term: 1, logTerm: 1, index: 3, entries: [entry(1, 4, "some data")], commit: 2 },
  },
  {
    frame: bytes(
      "01 0000000000000002 0000000000000009 080010011805220161 0000000000000009 080010011806220162 0000000000000004",
    ),
    message: { term: 1, logTerm: 1, index: 4, entries: [entry(1, 5, "a"), entry(1, 6, "b")], commit: 4 },
  },
  {
    frame: bytes("01 0000000000000000 0000000000000006"),
    message: { term: 1, logTerm: 1, index: 6, entries: [], commit: 6 },
  },
];

test("the recorded msgapp stream decodes step by step, and stays in step when it is cut anywhere", () => {
  const all = Buffer.concat(msgAppSteps.map((step) => step.frame));
  const want = msgAppSteps.flatMap((step) =>
    step.message === undefined ? [] : [message(MessageType.MsgApp, step.message)],
  );
  for (let length = 1; length <= all.length; length++) {
    assert.deepEqual(plain(decode(new MsgAppDecoder(1n, 2n), all, () => length)), plain(want));
  }
  assert.throws(() => decode(new MsgAppDecoder(1n, 2n), bytes("03")), /failed to parse type 3 in msgappv2/);
});

test("a message that follows the one before is written without what is known", () => {
  const encoder = new MsgAppEncoder();
  // A type that is 0 is not written by us, so the recorded bytes differ by two of them an entry.
  const frames = msgAppSteps.flatMap(({ message: fields }) =>
    fields === undefined
      ? []
      : [encoded([message(MessageType.MsgApp, fields)], (out, m) => encoder.write(out, m))],
  );
  assert.equal(frames[0]![0], 2);
  assert.deepEqual(
    frames[1],
    bytes(
      "01 0000000000000002 0000000000000007 10011805220161 0000000000000007 10011806220162 0000000000000004",
    ),
  );
  assert.deepEqual(frames[2], msgAppSteps[3]!.frame);
});

test("a stream recorded from a 3.4.23 leader continues its last whole message", () => {
  const decoder = new MsgAppDecoder(1n, 2n);
  const before = message(MessageType.MsgApp, { term: 2, logTerm: 1, index: 9, entries: [entry(2, 10, "x")] });
  const encoder = new MsgAppEncoder();
  decode(
    decoder,
    encoded([before], (out, m) => encoder.write(out, m)),
  );
  const [app, commit] = decode(
    decoder,
    bytes(
      `01 0000000000000001 0000000000000020 08001002180b221822080a026b3112027631a2060b088c8487ee9bc0e8e6fa01
      000000000000000a 01 0000000000000000 000000000000000b`.replaceAll(/\s/g, ""),
    ),
  );
  assert.equal(app?.entries[0]?.index, 11);
  assert.equal(app.entries[0].data.length, 24);
  assert.equal(app.commit, 10);
  assert.equal(commit?.index, 11);
  assert.equal(commit.commit, 11);
});

test("entries that do not follow end the stream instead of damaging the log", () => {
  const decoder = new MsgAppDecoder(1n, 2n);
  decode(decoder, msgAppSteps[1]!.frame);
  const skipsOne = bytes("01 0000000000000001 0000000000000004 10011806 0000000000000004");
  assert.throws(() => decode(decoder, skipsOne), /entry 6 does not follow 4/);
});

test("a follower that keeps up gets the same bytes as the one before, encoded once", () => {
  const entries = [entry(1, 1, "a"), entry(1, 2, "b")];
  const first = message(MessageType.MsgApp, { term: 1, logTerm: 1, index: 0 });
  const app = message(MessageType.MsgApp, { term: 1, logTerm: 1, index: 0, entries, commit: 1 });
  const out = new ChunkBuffer();
  out.begin(4 * roomFor(app), 2);
  const chunks = [1n, 3n].map((to) => {
    const encoder = new MsgAppEncoder();
    out.beginChunk();
    encoder.write(out, { ...first, to });
    encoder.write(out, { ...app, to });
    return out.endChunk();
  });
  for (const chunk of chunks) {
    const read = decode(new MsgAppDecoder(9n, 2n), chunk.subarray(10, -2));
    assert.deepEqual(plain(read).at(-1)?.entries, plain([app])[0]?.entries);
    assert.equal(read.at(-1)?.commit, 1);
  }
});

const hostile = [
  { name: "a message of 2^60 bytes", decoder: () => new MessageFrameDecoder(), input: "1000000000000000" },
  {
    name: "a message of 512 MiB and a byte",
    decoder: () => new MessageFrameDecoder(),
    input: "0000000020000001",
  },
  { name: "2^63 entries", decoder: () => new MsgAppDecoder(1n, 2n), input: "01 8000000000000000" },
  {
    name: "an entry of 2^60 bytes",
    decoder: () => new MsgAppDecoder(1n, 2n),
    input: "01 0000000000000001 1000000000000000",
  },
  {
    name: "a commit index beyond 2^53",
    decoder: () => new MsgAppDecoder(1n, 2n),
    input: "01 0000000000000000 ffffffffffffffff",
  },
  {
    name: "a msgapp message of 2^60 bytes",
    decoder: () => new MsgAppDecoder(1n, 2n),
    input: "02 1000000000000000",
  },
];
for (const { name, decoder, input } of hostile) {
  test(`${name} ends the stream`, () => {
    assert.throws(() => decode(decoder(), bytes(input)), /limit exceeded/);
  });
}

test("memory for a large frame grows with what arrives, not with what is announced", () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 20 }, () => {
    const decoder = new MessageFrameDecoder();
    decode(decoder, bytes("0000000020000000 08"));
    return decoder;
  });
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 2 ** 20);
  assert.equal(decoders.length, 20);
});

test("a frame of several MiB survives being cut into small chunks", () => {
  const app = message(MessageType.MsgApp, {
    term: 1,
    entries: [entry(1, 1, "x".repeat(3 * 2 ** 20)), entry(1, 2, "y".repeat(5))],
  });
  const stream = encoded([app, app], writeMessageFrame);
  assert.deepEqual(plain(decode(new MessageFrameDecoder(), stream, () => 60_000)), plain([app, app]));
});

testWithSeed("random streams come out as they went in, however they are cut", (seed) => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const messages: Message[] = [];
    let index = random.below(5);
    for (let i = 0; i < 1 + random.below(12); i++) {
      const entries = Array.from({ length: random.below(6) }, (_, k) =>
        entry(1, index + k + 1, "v".repeat(random.below(40))),
      );
      const jumps = random.below(5) === 0;
      const term = 1 + random.below(2);
      messages.push(
        message(MessageType.MsgApp, {
          term,
          logTerm: jumps ? 0 : term,
          index,
          entries,
          commit: random.below(9),
        }),
      );
      index += entries.length;
    }
    const encoder = new MsgAppEncoder();
    const msgapp = encoded(messages, (out, m) => encoder.write(out, m));
    const cut = () => 1 + random.below(64);
    assert.deepEqual(plain(decode(new MsgAppDecoder(1n, 2n), msgapp, cut)), plain(messages));
    assert.deepEqual(
      plain(decode(new MessageFrameDecoder(), encoded(messages, writeMessageFrame), cut)),
      plain(messages),
    );
  }
});

testWithSeed("garbage is an error or nothing, never another failure", (seed) => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 3_000; round++) {
    const input = Buffer.concat(msgAppSteps.map((step) => step.frame));
    for (let flips = 0; flips <= random.below(4); flips++)
      input[random.below(input.length)] = random.below(256);
    const decoder = random.below(2) === 0 ? new MsgAppDecoder(1n, 2n) : new MessageFrameDecoder();
    try {
      decode(decoder, input.subarray(random.below(input.length)), () => 1 + random.below(30));
    } catch (error) {
      assert.match((error as Error).name, /^(FrameError|WireError)$/);
    }
  }
});
