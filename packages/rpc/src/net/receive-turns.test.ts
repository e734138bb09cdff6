import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { FLAG_END_HEADERS, FRAME_HEADERS } from "../http2/protocol.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import * as raw from "../testing/raw-frames.ts";
import { type Listener, serve } from "./listener.ts";
import { RECEIVED_IN_A_TURN, receiveTurns, SMALLEST_HELD_CHUNK } from "./receive-turns.ts";

const CONNECTIONS = 20;
const CALLS = 100;

test("what very many connections ask for at once is received over several turns, each connection's in order", async () => {
  const grpc = new GrpcServer();
  const { promise: allCame, resolve } = Promise.withResolvers<void>();
  const numbers = new Map<string, number[]>();
  let came = 0;
  let inTurn = 0;
  let mostInTurn = 0;
  grpc.stream("/test.Service/Call", (call) => {
    const from = call.metadata("x-from")!;
    numbers.set(from, [...(numbers.get(from) ?? []), Number(call.metadata("x-number"))]);
    // As if each call took so long: the calls of a connection half a turn, all together ten.
    receiveTurns.spend(RECEIVED_IN_A_TURN / CALLS / 2);
    call.end();
    if (inTurn === 0) {
      setImmediate(() => {
        inTurn = 0;
      });
    }
    inTurn += 1;
    mostInTurn = Math.max(mostInTurn, inTurn);
    came += 1;
    if (came === CONNECTIONS * CALLS) resolve();
  });
  const listener = await serve({ grpc });
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(listener)));
  try {
    for (const [from, socket] of sockets.entries()) socket.write(request(from));
    const timer = setTimeout(() => assert.fail(`${came} came`), 60_000);
    await allCame;
    clearTimeout(timer);
    const inOrder = Array.from({ length: CALLS }, (_, i) => i);
    for (let i = 0; i < CONNECTIONS; i++) assert.deepEqual(numbers.get(String(i)), inOrder);
    // Two connections are a turn's worth, and one more is begun before that has been spent.
    assert.ok(mostInTurn <= 4 * CALLS, `${mostInTurn} calls in a turn`);
  } finally {
    for (const socket of sockets) socket.destroy();
    grpc.close();
    await listener.close();
  }
});

test("who asks for little does not wait for all that very many connections ask for", async () => {
  const grpc = new GrpcServer();
  const { promise: hasCome, resolve } = Promise.withResolvers<void>();
  let cameBefore = 0;
  grpc.stream("/test.Service/Call", (call) => {
    call.end();
    if (call.metadata("x-from") === "modest") resolve();
    else cameBefore += 1;
    // The calls of a connection of the crowd are three turns' worth.
    receiveTurns.spend((3 * RECEIVED_IN_A_TURN) / CALLS);
  });
  const listener = await serve({ grpc });
  const crowd = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(listener)));
  const modest = await connect(listener);
  try {
    for (const [from, socket] of crowd.entries()) socket.write(request(from));
    modest.write(request("modest", 1));
    const timer = setTimeout(() => assert.fail(`${cameBefore} came`), 60_000);
    await hasCome;
    clearTimeout(timer);
    assert.ok(cameBefore <= (CONNECTIONS / 2) * CALLS, `${cameBefore} calls came before`);
  } finally {
    for (const socket of [...crowd, modest]) socket.destroy();
    grpc.close();
    await listener.close();
  }
});

function request(from: number | string, calls = CALLS): Uint8Array {
  const frames = Array.from({ length: calls }, (_, number) =>
    raw.frame(
      FRAME_HEADERS,
      FLAG_END_HEADERS,
      2 * number + 1,
      raw.block(
        raw.grpcRequest("/test.Service/Call", [
          ["x-from", String(from)],
          ["x-number", String(number)],
        ]),
      ),
    ),
  );
  const bytes = raw.concat(...frames);
  assert.equal(bytes.length > SMALLEST_HELD_CHUNK, calls === CALLS);
  return bytes;
}

/** A connection that the server knows already. */
async function connect({ address }: Listener): Promise<net.Socket> {
  assert.ok(typeof address !== "string");
  const socket = net.connect(address.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(raw.concat(raw.PREFACE, raw.settings()));
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}
