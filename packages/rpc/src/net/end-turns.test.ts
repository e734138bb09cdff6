import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ServerCall } from "../grpc/call.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { ENDED_IN_A_TURN } from "./end-turns.ts";

const PATH = "/test.Service/Call";

/** Clients of one server, each with as many open calls. */
function connected(clients: number, calls: number) {
  const open: ServerCall[] = [];
  const reasons: string[] = [];
  const server = new GrpcServer();
  server.stream(PATH, (call) => {
    open.push(call);
    call.onCancel = (reason) => void reasons.push(reason);
  });
  const peers = Array.from({ length: clients }, () => {
    const peer = new RawClient();
    server.attach(peer.open, { address: "test", port: 1 });
    peer.greet();
    for (let i = 0; i < calls; i++) peer.send(raw.headers(1 + 2 * i, raw.grpcRequest(PATH)));
    return peer;
  });
  assert.equal(open.length, clients * calls);
  return { open, peers, reasons, server };
}

const cases = [
  { name: "one connection with many calls", clients: 1, calls: 4 * ENDED_IN_A_TURN + 1 },
  { name: "many connections that end together", clients: 20, calls: 300 },
];
for (const { name, clients, calls } of cases) {
  test(`${name}: a turn ends so many calls and no more, and each is told once`, async () => {
    await nextTurn();
    const { peers, reasons, server } = connected(clients, calls);
    const total = clients * calls;
    for (const peer of peers) peer.close();
    const endedByTurn: number[] = [];
    for (let before = 0; before < total; before = reasons.length) {
      endedByTurn.push(reasons.length - before);
      assert.ok(endedByTurn.length <= total, "a turn without an end");
      await nextTurn();
    }
    assert.ok(Math.max(...endedByTurn) <= ENDED_IN_A_TURN, `${endedByTurn}`);
    assert.deepEqual(reasons, new Array(total).fill("disconnected"));
    assert.equal(server.connectionCount, 0);
    for (const { connection } of peers) assert.equal(connection!.streams.size, 0);
  });
}

test("few calls end at once", () => {
  const { peers, reasons, server } = connected(1, 3);
  peers[0]!.close();
  assert.equal(reasons.length, 3);
  assert.equal(server.connectionCount, 0);
});

test("what calls answer before they hear of the end is forgotten, and takes no memory to speak of", async () => {
  await nextTurn();
  const { open, peers, reasons, server } = connected(1, 3 * ENDED_IN_A_TURN);
  const connection = peers[0]!.connection!;
  peers[0]!.close();
  assert.equal(reasons.length, ENDED_IN_A_TURN);
  assert.equal(server.connectionCount, 1);
  for (const call of open) call.send(new Uint8Array(1_000));
  for (const call of open.slice(-10)) call.end();
  assert.ok(connection.output.size < 200_000, `${connection.output.size}`);
  for (let turn = 0; server.connectionCount > 0; turn++) {
    assert.ok(turn < 100, "it never ends");
    await nextTurn();
  }
  // Those that ended themselves are not told.
  assert.equal(reasons.length, open.length - 10);
  assert.equal(connection.queuedBytes, 0);
  assert.equal(connection.output.size, 0);
});
