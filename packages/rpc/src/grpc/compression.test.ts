import assert from "node:assert/strict";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import zlib, { gzipSync } from "node:zlib";
import { GrpcServer } from "../server/grpc-server.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import type { ServerCall } from "./call.ts";
import {
  INFLATED_IN_A_TURN,
  INFLATED_TOO_LARGE,
  type InflateResult,
  inflate,
  inflateTurns,
  LARGEST_COMPRESSED,
} from "./compression.ts";

const STREAM = "/test.Service/Stream";

/** The results of as many inflations, in the order of the calls. */
function inflateAll(messages: readonly Uint8Array[], limit: number): Promise<InflateResult[]> {
  return Promise.all(
    messages.map((message) => {
      return new Promise<InflateResult>((resolve) => {
        const result = inflate(message, limit, resolve);
        if (result !== undefined) resolve(result);
      });
    }),
  );
}

test("small messages are inflated over as many turns as they take together", {
  timeout: 60_000,
}, async () => {
  inflateTurns.mostInATurn = 0;
  const sizes = Array.from({ length: 200 }, (_, i) => (i % 4) * 40_000);
  const results = await inflateAll(
    sizes.map((size) => gzipSync(new Uint8Array(size))),
    1_000_000,
  );
  assert.deepEqual(
    results.map((result) => (result as Uint8Array).length),
    sizes,
  );
  const most = inflateTurns.mostInATurn;
  assert.ok(most >= INFLATED_IN_A_TURN && most < INFLATED_IN_A_TURN + 131_072 + 4096, `${most} in a turn`);
});

test("large messages are inflated a few at a time, and no further than the limit", {
  timeout: 60_000,
}, async (t) => {
  let open = 0;
  let most = 0;
  const { gunzip } = zlib;
  const counting = (message: Uint8Array, options: zlib.ZlibOptions, done: (...args: unknown[]) => void) => {
    most = Math.max(most, ++open);
    gunzip(message, options, (...outcome) => {
      open--;
      done(...outcome);
    });
  };
  t.mock.method(zlib, "gunzip", counting as unknown as typeof gunzip);
  syncBuiltinESMExports();
  try {
    const large = gzipSync(new Uint8Array(500_000));
    const tooLarge = gzipSync(new Uint8Array(600_001));
    const results = await inflateAll(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? large : tooLarge)),
      600_000,
    );
    for (const [i, result] of results.entries()) {
      if (i % 2 === 0) assert.equal((result as Uint8Array).length, 500_000);
      else assert.equal(result, INFLATED_TOO_LARGE);
    }
    assert.equal(most, 8);
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test("on a compressed stream large messages are sent as they are, in their order", () => {
  const calls: ServerCall[] = [];
  const server = new GrpcServer();
  server.stream(STREAM, (call) => void calls.push(call));
  const peer = new RawClient();
  server.attach(peer.open, { address: "test", port: 1 });
  peer.greet();
  peer.send(raw.headers(1, raw.grpcRequest(STREAM, [["grpc-accept-encoding", "gzip"]])));
  peer.send(raw.windowUpdate(0, 1_000_000), raw.windowUpdate(1, 1_000_000));
  const call = calls[0]!;
  assert.equal(call.useGzip(), true);
  const large = LARGEST_COMPRESSED + 1;
  call.send(new Uint8Array(1000));
  call.send(new Uint8Array(large));
  call.sendInParts([new Uint8Array(large), new Uint8Array(1)]);
  call.sendInParts([new Uint8Array(500), new Uint8Array(500)]);
  call.end();
  peer.flush();
  const body = peer.body(1);
  const seen: string[] = [];
  for (let at = 0; at < body.length; ) {
    const length = new DataView(body.buffer, body.byteOffset + at + 1).getUint32(0);
    seen.push(`${body[at]} ${length < 100 ? "small" : length}`);
    at += 5 + length;
  }
  assert.deepEqual(seen, ["1 small", `0 ${large}`, `0 ${large + 1}`, "1 small"]);
});
