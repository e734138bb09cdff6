import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { fc } from "@quorate/testkit/property";
import { GrpcClient } from "../client/grpc-client.ts";
import type { ServerCall } from "../grpc/call.ts";
import { Code } from "../grpc/status.ts";
import { MemoryLink } from "../testing/memory-link.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { GrpcServer } from "./grpc-server.ts";

const PEER = { address: "test", port: 1 };
const STREAM = "/test.Service/Stream";

function serverOf(calls: ServerCall[]): GrpcServer {
  const server = new GrpcServer({ clock: withCancelFunctions(new ManualClock()) });
  server.stream(STREAM, (call) => void calls.push(call));
  return server;
}

const anyMessage = fc.record({
  sizes: fc.array(
    fc.oneof(
      { weight: 1, arbitrary: fc.constant(0) },
      { weight: 8, arbitrary: fc.integer({ min: 1, max: 300 }) },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 90_000 }) },
    ),
    { minLength: 1, maxLength: 4 },
  ),
  inParts: fc.boolean(),
  thenDeliver: fc.boolean(),
});

test("messages in parts and whole ones come in order and complete, however they are divided on the way", () => {
  const anyMessages = fc.array(anyMessage, { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(anyMessages, fc.integer({ min: 100, max: 40_000 }), (messages, pieceBytes) => {
      const calls: ServerCall[] = [];
      const link = new MemoryLink(pieceBytes);
      serverOf(calls).attach(link.open, PEER);
      const call = GrpcClient.over(link.open).stream(STREAM);
      const got: Buffer[] = [];
      let status: number | undefined;
      call.onMessage = (message) => got.push(Buffer.from(message));
      call.onEnd = ({ code }) => {
        status = code;
      };
      link.deliver();
      const wanted: Buffer[] = [];
      for (const [i, { sizes, inParts, thenDeliver }] of messages.entries()) {
        const parts = sizes.map((size, j) => new Uint8Array(size).fill(i * 4 + j));
        wanted.push(Buffer.concat(parts));
        if (inParts) calls[0]!.sendInParts(parts);
        else calls[0]!.send(new Uint8Array(Buffer.concat(parts)));
        if (thenDeliver) link.deliver();
      }
      calls[0]!.end();
      link.deliver();
      assert.equal(got.length, wanted.length);
      for (const [i, want] of wanted.entries()) assert.ok(want.equals(got[i]!), `message ${i}`);
      assert.equal(status, 0);
    }),
    { numRuns: 50 },
  );
});

function connected(extra: [string, string][] = []): { peer: RawClient; call: ServerCall } {
  const calls: ServerCall[] = [];
  const peer = new RawClient();
  serverOf(calls).attach(peer.open, PEER);
  peer.greet();
  peer.send(raw.headers(1, raw.grpcRequest(STREAM, extra)));
  return { peer, call: calls[0]! };
}

test("a call that fails between the parts of a message still sends the rest of it", () => {
  const { peer, call } = connected();
  // The window ends where a part does, so what waits does not begin inside one.
  call.sendInParts([new Uint8Array(65_530).fill(1), new Uint8Array(1000).fill(2)]);
  peer.flush();
  assert.equal(peer.body(1).length, 65_535);
  call.fail(Code.UNAVAILABLE, "gone");
  peer.send(raw.windowUpdate(0, 100_000), raw.windowUpdate(1, 100_000));
  peer.flush();
  assert.equal(peer.body(1).length, 5 + 65_530 + 1000);
  assert.equal(peer.blocks.at(-1)?.fields["grpc-status"], "14");
});

test("a message in parts is compressed as a whole", () => {
  const { peer, call } = connected([["grpc-accept-encoding", "gzip"]]);
  assert.equal(call.useGzip(), true);
  call.sendInParts([new Uint8Array(500).fill(1), new Uint8Array(500).fill(1)]);
  peer.flush();
  assert.equal(peer.body(1)[0], 1);
  assert.ok(peer.body(1).length < 100);
});

test("parts are queued as they are, for as many calls as they are sent on", () => {
  const part = new Uint8Array(200_000).fill(7);
  const all = Array.from({ length: 3 }, () => connected());
  for (const { call } of all) {
    assert.equal(call.sendInParts([Uint8Array.of(1, 2), part]), false);
    assert.ok(call.queuedBytes > 200_000);
  }
  for (const { peer } of all) {
    peer.send(raw.windowUpdate(0, 400_000), raw.windowUpdate(1, 400_000));
    peer.flush();
    assert.deepEqual([...peer.body(1).subarray(0, 8)], [0, 0, 3, 0x0d, 0x42, 1, 2, 7]);
    assert.equal(peer.body(1).length, 5 + 2 + 200_000);
  }
});
