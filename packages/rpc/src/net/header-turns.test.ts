import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { FLAG_END_HEADERS, FRAME_CONTINUATION, FRAME_HEADERS } from "../http2/protocol.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import * as raw from "../testing/raw-frames.ts";
import { DECODED_IN_A_TURN, headerTurns, LARGEST_SMALL_CHUNK } from "./header-turns.ts";
import { type Listener, serve } from "./listener.ts";

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
    headerTurns.mostInATurn = 0;
    for (const socket of sockets) {
      socket.write(raw.concat(raw.PREFACE, raw.settings(), ...inFrames(block)));
    }
    const timer = setTimeout(() => assert.fail(`${lengths.length} of ${LISTS} came`), 60_000);
    await allCame;
    clearTimeout(timer);
    assert.deepEqual(lengths, new Array(LISTS).fill(VALUE_BYTES));
    // One chunk of a socket more, and the small ones that begin or end a connection's octets.
    const most = DECODED_IN_A_TURN + 65_536 + LISTS * LARGEST_SMALL_CHUNK;
    assert.ok(headerTurns.mostInATurn <= most, `${headerTurns.mostInATurn} octets in a turn`);
    assert.ok(headerTurns.mostInATurn > 0);
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
