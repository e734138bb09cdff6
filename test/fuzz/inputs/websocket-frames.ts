/** Websocket handshakes and frames, right and wrong. */

import type { SeededRandom } from "@quorate/testkit/random";
import { METHODS } from "@quorate/wire";
import { anyBody } from "./json-text.ts";
import { anyRoutedMethod } from "./methods.ts";
import { mutated } from "./mutations.ts";

const WATCH = METHODS.get("/etcdserverpb.Watch/Watch")!;
const KEEP_ALIVE = METHODS.get("/etcdserverpb.Lease/LeaseKeepAlive")!;
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** The octets of one connection: a handshake and `frames` frames. */
export function websocketConversation(random: SeededRandom, frames: number): Buffer {
  const method = random.weighted<() => typeof WATCH>([
    [6, () => WATCH],
    [3, () => KEEP_ALIVE],
    [1, () => anyRoutedMethod(random)],
  ])();
  const parts = [handshake(random, method.httpPaths[0]!)];
  for (let n = 0; n < frames; n++) {
    const bytes = anyFrames(random, anyBody(random, method.request));
    parts.push(random.chance(0.03) ? mutated(random, bytes, parts) : bytes);
  }
  return Buffer.concat(parts);
}

function handshake(random: SeededRandom, path: string): Buffer {
  const odd = <T>(usual: T, others: readonly T[]): T => (random.chance(0.98) ? usual : random.pick(others));
  const lines = [
    `${odd("GET", ["POST", "HEAD", "CONNECT"])} ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    `Connection: ${odd("Upgrade", ["keep-alive, upgrade", "close", ""])}`,
    `Upgrade: ${odd("websocket", ["WebSocket", "h2c, websocket", "websocket/13", "h2c"])}`,
    `Sec-WebSocket-Version: ${odd("13", ["8", "", "13, 8", "x"])}`,
    `Sec-WebSocket-Key: ${odd(KEY, ["", "x", `${KEY}=`, "!".repeat(24)])}`,
  ];
  if (random.chance(0.1))
    lines.push(
      `Sec-WebSocket-Protocol: ${random.pick(["Bearer, x", "Bearer,", "bearer", "a, b", "\u00ff", "Bearer"])}`,
    );
  if (random.chance(0.05)) lines.push("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits");
  if (random.chance(0.05))
    lines.push(`Cookie: ${random.pick(["token=x", 'token="', "a=b; token=", "token"])}`);
  if (random.chance(0.02)) lines.push("Content-Length: 10");
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

function anyFrames(random: SeededRandom, body: Buffer): Buffer {
  return random.weighted<() => Buffer>([
    [10, () => frame(random, random.chance(0.8) ? TEXT : BINARY, body)],
    [3, () => fragments(random, body)],
    [1, () => frame(random, PING, random.bytes(random.below(20)))],
    [0.5, () => frame(random, PONG, random.bytes(random.below(20)))],
    [0.3, () => frame(random, random.pick([PING, PONG, CLOSE]), random.bytes(random.between(126, 300)))],
    [0.3, () => frame(random, CLOSE, closing(random))],
    [0.3, () => frame(random, TEXT, Buffer.from([0xff, 0xc0, 0x80]))],
    [0.3, () => frame(random, random.between(3, 15), random.bytes(4))],
    [0.2, () => frame(random, CONTINUATION, body)],
    [
      0.2,
      () => header(random, TEXT, random.pick([2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 10_000_000n])),
    ],
  ])();
}

function closing(random: SeededRandom): Buffer {
  const code = Buffer.alloc(2);
  code.writeUInt16BE(
    random.pick([0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 2999, 3000, 4999, 5000, 65_535]),
  );
  return random.pick([
    Buffer.alloc(0),
    code.subarray(0, 1),
    code,
    Buffer.concat([code, Buffer.from([0xff])]),
    Buffer.concat([code, Buffer.from("bye")]),
  ]);
}

/** A message in pieces, with pings in between; now and then without an end, or begun twice. */
function fragments(random: SeededRandom, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  let opcode = TEXT;
  let at = 0;
  for (let n = random.between(1, 6); n > 0; n--) {
    const end = n === 1 ? body.length : Math.min(body.length, at + random.below(20));
    const isLast = n === 1 && random.chance(0.97);
    parts.push(frame(random, opcode, body.subarray(at, end), isLast));
    if (random.chance(0.2)) parts.push(frame(random, PING, Buffer.from("p")));
    opcode = random.chance(0.99) ? CONTINUATION : TEXT;
    at = end;
  }
  return Buffer.concat(parts);
}

function frame(random: SeededRandom, opcode: number, payload: Buffer, fin = true): Buffer {
  const isMasked = random.chance(0.995);
  const reserved = random.chance(0.99) ? 0 : random.pick([0x10, 0x20, 0x40]);
  // Lengths may be written longer than they need to be, which is not allowed.
  const form = random.chance(0.99)
    ? payload.length < 126
      ? 0
      : payload.length < 65_536
        ? 1
        : 2
    : random.pick([1, 2]);
  const length = Buffer.alloc([0, 2, 8][form]!);
  if (form === 1) length.writeUInt16BE(payload.length & 0xffff);
  if (form === 2) length.writeBigUInt64BE(BigInt(payload.length));
  const first = [payload.length, 126, 127][form]!;
  const head = Buffer.from([(fin ? 0x80 : 0) | reserved | opcode, (isMasked ? 0x80 : 0) | first]);
  if (!isMasked) return Buffer.concat([head, length, payload]);
  const mask = random.bytes(4);
  const masked = Buffer.from(payload);
  for (let i = 0; i < masked.length; i++) masked[i]! ^= mask[i & 3]!;
  return Buffer.concat([head, length, mask, masked]);
}

/** The beginning of a frame of which nothing more comes. */
function header(random: SeededRandom, opcode: number, length: bigint): Buffer {
  const bytes = Buffer.alloc(14);
  bytes[0] = 0x80 | opcode;
  bytes[1] = 0xff;
  bytes.writeBigUInt64BE(length, 2);
  random.bytes(4).copy(bytes, 10);
  return bytes;
}
