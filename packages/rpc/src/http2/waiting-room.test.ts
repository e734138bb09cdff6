import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcServer } from "../server/grpc-server.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { SETTINGS_INITIAL_WINDOW_SIZE } from "./protocol.ts";
import { WaitingRoom } from "./waiting-room.ts";

test("of many that wait some begin at a time, in order", () => {
  let isFull = true;
  const room = new WaitingRoom(() => isFull);
  const begun: number[] = [];
  for (let i = 0; i < 1000; i++) room.enter(() => void begun.push(i));
  assert.equal(room.recheck(), false);
  assert.deepEqual(begun, []);
  isFull = false;
  const begunBefore = [];
  while (room.recheck()) begunBefore.push(begun.length);
  assert.deepEqual(begunBefore, [256, 512, 768]);
  assert.deepEqual(
    begun,
    Array.from({ length: 1000 }, (_, i) => i),
  );
  assert.equal(room.isEmpty, true);
});

test("calls that waited for room begin flush by flush, and all of them do", () => {
  const calls = 1000;
  const server = new GrpcServer({ limits: { maxQueuedBytes: 1_000 } });
  let begun = 0;
  // They answer later: nothing fills the room meanwhile.
  server.unary("/test.Service/Later", () => void begun++);
  server.unary("/test.Service/Large", (_message, call) => call.reply(new Uint8Array(10_000)));
  const peer = new RawClient();
  server.attach(peer.open, { address: "test", port: 1 });
  peer.greet([SETTINGS_INITIAL_WINDOW_SIZE, 0]);
  const ask = (id: number, path: string) =>
    peer.send(raw.headers(id, raw.grpcRequest(path)), raw.data(id, raw.grpcMessage(new Uint8Array(1)), true));
  ask(1, "/test.Service/Large");
  ask(3, "/test.Service/Large");
  for (let i = 0; i < calls; i++) ask(5 + 2 * i, "/test.Service/Later");
  assert.equal(begun, 0);
  peer.send(raw.reset(1), raw.reset(3));
  const begunByFlush: number[] = [begun];
  while (begunByFlush.at(-1)! < calls) {
    const before: number = begun;
    assert.equal(peer.connection!.flushPending, true, "nobody would go on");
    peer.flush();
    begunByFlush.push(begun);
    assert.ok(begun - before <= 256, `${begunByFlush}`);
    assert.ok(begun > before, `${begunByFlush}`);
  }
  server.close();
});
