import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { WebsocketConnection } from "./websocket-connection.ts";
import { WebsocketFrames } from "./websocket-frames.ts";

const FIN = 0x80;
const CONTINUATION = 0;
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

interface FrameOptions {
  readonly mask?: readonly number[];
  /** The octets in which the length is written: 0, 2 or 8. */
  readonly lengthOctets?: number;
}

function frame(first: number, payload: Uint8Array, options: FrameOptions = {}): Buffer {
  const { mask = [0x1f, 0x2e, 0x3d, 0x4c] } = options;
  const { length } = payload;
  const octets = options.lengthOctets ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const header = Buffer.alloc(2 + octets);
  header[0] = first;
  header[1] = (mask.length > 0 ? 0x80 : 0) | (octets === 0 ? length : octets === 2 ? 126 : 127);
  if (octets === 2) header.writeUInt16BE(length, 2);
  if (octets === 8) header.writeBigUInt64BE(BigInt(length), 2);
  const masked = mask.length === 0 ? payload : payload.map((octet, i) => octet ^ mask[i & 3]!);
  return Buffer.concat([header, Buffer.from(mask), masked]);
}

/** What a reader makes of chunks. */
function read(chunks: readonly Buffer[], maxMessageBytes = 1_000_000) {
  const heard: string[] = [];
  const pieces: number[] = [];
  let message = "";
  const frames = new WebsocketFrames(maxMessageBytes, {
    onPiece: (bytes) => {
      pieces.push(bytes.length);
      message += Buffer.from(bytes).toString("latin1");
    },
    onMessageEnd: () => {
      heard.push(`message ${message}`);
      message = "";
    },
    onPing: (payload) => heard.push(`ping ${Buffer.from(payload).toString("latin1")}`),
    onClose: (status) => heard.push(`close ${status}`),
    onViolation: (status) => heard.push(`violation ${status}`),
  });
  for (const chunk of chunks) frames.receive(Buffer.from(chunk));
  return { heard, pieces };
}

test("messages are the same however they are divided into frames and chunks", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed);
    const octets = (count: number) => Uint8Array.from({ length: count }, () => random.below(256));
    const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
    const sent: Buffer[] = [];
    const want: string[] = [];
    const say = (first: number, payload: Uint8Array) =>
      sent.push(frame(first, payload, { mask: [...octets(4)] }));
    for (let m = 0; m < 5; m++) {
      const parts = Array.from({ length: 1 + random.below(4) }, () =>
        octets(random.below(10) === 0 ? random.below(70_000) : random.below(200)),
      );
      for (const [i, part] of parts.entries()) {
        const opcode = i === 0 ? TEXT + random.below(2) : CONTINUATION;
        say(i === parts.length - 1 ? opcode | FIN : opcode, part);
        if (i < parts.length - 1 && random.below(3) === 0) {
          const payload = octets(random.below(126));
          const isPing = random.below(2) === 0;
          say((isPing ? PING : PONG) | FIN, payload);
          if (isPing) want.push(`ping ${latin1(payload)}`);
        }
      }
      want.push(`message ${latin1(Buffer.concat(parts))}`);
    }
    say(CLOSE | FIN, Uint8Array.of(3, 232));
    want.push("close 1000");
    const all = Buffer.concat(sent);
    const chunks: Buffer[] = [];
    for (let at = 0; at < all.length; ) {
      const size = 1 + random.below(random.below(2) === 0 ? 5 : 5_000);
      chunks.push(all.subarray(at, at + size));
      at += size;
    }
    assert.deepEqual(read(chunks).heard, want, `seed ${seed}`);
  }
});

const some = Buffer.from("abc");
const endings: { name: string; sent: Buffer[]; heard: string[] }[] = [
  { name: "a close without a status", sent: [frame(CLOSE | FIN, Buffer.alloc(0))], heard: ["close 1005"] },
  {
    name: "a close with a status and a reason",
    sent: [frame(CLOSE | FIN, Buffer.from("\x03\xe9going", "latin1"))],
    heard: ["close 1001"],
  },
  { name: "half a status", sent: [frame(CLOSE | FIN, Buffer.of(3))], heard: ["violation 1002"] },
  { name: "no mask", sent: [frame(TEXT | FIN, some, { mask: [] })], heard: ["violation 1002"] },
  { name: "a reserved bit", sent: [frame(TEXT | FIN | 0x40, some)], heard: ["violation 1002"] },
  { name: "an unknown opcode", sent: [frame(3 | FIN, some)], heard: ["violation 1002"] },
  { name: "a continuation of nothing", sent: [frame(CONTINUATION | FIN, some)], heard: ["violation 1002"] },
  {
    name: "a message within a message",
    sent: [frame(TEXT, some), frame(TEXT, some)],
    heard: ["violation 1002"],
  },
  { name: "a ping in pieces", sent: [frame(PING, some)], heard: ["violation 1002"] },
  { name: "a long ping", sent: [frame(PING | FIN, Buffer.alloc(126))], heard: ["violation 1002"] },
  {
    name: "a length beyond all",
    sent: [Buffer.of(TEXT | FIN, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 1, 2, 3, 4)],
    heard: ["violation 1009"],
  },
  {
    name: "pieces that are too long together",
    sent: [frame(TEXT, Buffer.alloc(600_000)), frame(CONTINUATION, Buffer.alloc(600_000))],
    heard: ["violation 1009"],
  },
];
for (const { name, sent, heard } of endings) {
  test(`${name} is the end of what is read`, () => {
    const all = Buffer.concat([...sent, frame(TEXT | FIN, some)]);
    assert.deepEqual(read([all]).heard, heard);
    assert.deepEqual(read(Array.from(all, (octet) => Buffer.of(octet))).heard, heard);
  });
}

test("messages that follow each other have the limit each", () => {
  const sent = Array.from({ length: 5 }, () => frame(TEXT | FIN, Buffer.alloc(600_000)));
  assert.equal(read(sent).heard.length, 5);
});

test("of a long message a turn handles what has come in it, in one frame or in tiny ones", () => {
  const chunkBytes = 65_536;
  const long = frame(TEXT | FIN, Buffer.alloc(900_000, "a"));
  const tiny = Buffer.concat([
    frame(TEXT, some),
    ...Array.from({ length: 50_000 }, () => frame(CONTINUATION, Buffer.of(0x61))),
    frame(CONTINUATION | FIN, some),
  ]);
  for (const all of [long, tiny]) {
    let largest = 0;
    let total = 0;
    let inChunk = 0;
    const frames = new WebsocketFrames(1_000_000, {
      onPiece: ({ length, buffer }) => {
        // A view of what was received: nothing was copied, and nothing put together.
        assert.equal(buffer, chunk.buffer);
        inChunk += length;
        total += length;
      },
      onMessageEnd: () => {},
      onPing: () => {},
      onClose: () => {},
      onViolation: () => {},
    });
    let chunk = new Uint8Array(0);
    for (let at = 0; at < all.length; at += chunkBytes) {
      chunk = Uint8Array.from(all.subarray(at, at + chunkBytes));
      inChunk = 0;
      frames.receive(chunk);
      largest = Math.max(largest, inChunk);
    }
    assert.equal(total, all === long ? 900_000 : 50_006);
    assert.ok(largest <= chunkBytes, `${largest}`);
  }
});

test("pings of a client that does not read are not answered without end", () => {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => {},
    // Nothing ever leaves.
    write: (chunk: Buffer) => void written.push(chunk),
  });
  const connection = new WebsocketConnection(socket, Buffer.alloc(0), 1_000, {
    onPiece: () => {},
    onMessageEnd: () => {},
    onClose: () => {},
  });
  connection.begin();
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => frame(PING | FIN, Buffer.alloc(125))));
  socket.emit("data", Buffer.from(pings));
  assert.ok(socket.writableLength > 60_000, `${socket.writableLength}`);
  assert.ok(socket.writableLength < 66_000, `${socket.writableLength}`);
  assert.deepEqual([written[0]![0], written[0]!.length], [PONG | FIN, 127]);
  socket.destroy();
});
