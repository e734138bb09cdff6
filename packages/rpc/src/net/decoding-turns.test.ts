import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { FLAG_END_HEADERS, FRAME_CONTINUATION, FRAME_HEADERS } from "../http2/protocol.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import * as raw from "../testing/raw-frames.ts";
import { DECODED_IN_A_TURN, DecodingTurns, decodingTurns, LARGEST_SMALL_CHUNK } from "./decoding-turns.ts";
import { type Listener, serve } from "./listener.ts";

test("what waits goes on in order, as much a turn as it may decode", () => {
  const later: (() => void)[] = [];
  const turns = new DecodingTurns((callback) => later.push(callback));
  const chunk = DECODED_IN_A_TURN / 2;
  assert.equal(turns.mustWait(chunk), false);
  turns.spend(DECODED_IN_A_TURN);
  assert.equal(turns.mustWait(chunk), true);
  assert.equal(turns.mustWait(LARGEST_SMALL_CHUNK), false);
  const done: number[] = [];
  for (let i = 0; i < 5; i++) {
    turns.wait(() => {
      done.push(i);
      turns.spend(chunk);
    });
  }
  const doneByTurn: number[] = [];
  while (later.length > 0) {
    later.shift()!();
    doneByTurn.push(done.length);
  }
  assert.deepEqual(done, [0, 1, 2, 3, 4]);
  assert.deepEqual(doneByTurn, [2, 4, 5, 5]);
  assert.equal(turns.mustWait(chunk), false);
});

const LISTS = 10;
const VALUE_BYTES = 1_500_000;

test("large header blocks of many connections share a turn, and all are taken whole", async () => {
  const grpc = new GrpcServer();
  const { promise: allCame, resolve } = Promise.withResolvers<void>();
  const lengths: number[] = [];
  grpc.stream("/test.Service/Call", (call) => {
    lengths.push(call.metadata("x-large")?.length ?? 0);
    call.end();
    if (lengths.length === LISTS) resolve();
  });
  const listener = await serve({ grpc });
  const sockets = await Promise.all(Array.from({ length: LISTS }, () => connect(listener)));
  try {
    const block = raw.block(raw.grpcRequest("/test.Service/Call", [["x-large", "v".repeat(VALUE_BYTES)]]));
    decodingTurns.mostInATurn = 0;
    for (const socket of sockets) {
      socket.write(raw.concat(raw.PREFACE, raw.settings(), ...inFrames(block)));
    }
    const timer = setTimeout(() => assert.fail(`${lengths.length} of ${LISTS} came`), 60_000);
    await allCame;
    clearTimeout(timer);
    assert.deepEqual(lengths, new Array(LISTS).fill(VALUE_BYTES));
    // One chunk of a socket more, and the small ones that begin or end a connection's octets.
    const most = DECODED_IN_A_TURN + 65_536 + LISTS * LARGEST_SMALL_CHUNK;
    assert.ok(decodingTurns.mostInATurn <= most, `${decodingTurns.mostInATurn} octets in a turn`);
    assert.ok(decodingTurns.mostInATurn > 0);
  } finally {
    for (const socket of sockets) socket.destroy();
    grpc.close();
    await listener.close();
  }
});

async function connect({ address }: Listener): Promise<net.Socket> {
  assert.ok(typeof address !== "string");
  const socket = net.connect(address.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

function inFrames(block: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < block.length; at += 16_384) {
    const type = at === 0 ? FRAME_HEADERS : FRAME_CONTINUATION;
    const flags = at + 16_384 >= block.length ? FLAG_END_HEADERS : 0;
    frames.push(raw.frame(type, flags, 1, block.subarray(at, at + 16_384)));
  }
  return frames;
}
