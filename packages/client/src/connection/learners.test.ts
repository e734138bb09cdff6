/** What becomes of calls that a learner refuses. */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { type TestContext, test } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { Client } from "../index.ts";

const REFUSAL = "etcdserver: rpc not supported for learner";

/** Answers every unary call, or refuses every one as a learner does; the first of `calls` counts them. */
async function member(t: TestContext, isLearner: boolean, calls: number[]): Promise<string> {
  const server = http2.createServer();
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    calls[0]!++;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => {
      stream.sendTrailers(
        isLearner ? { "grpc-status": "9", "grpc-message": REFUSAL } : { "grpc-status": "0" },
      );
    });
    stream.end(isLearner ? undefined : Buffer.alloc(5));
  });
  t.after(() => server.close());
  return `127.0.0.1:${await listenOnFreePort(server)}`;
}

test("a call that a learner has refused is made to another member", async (t) => {
  const [ofLearner, ofVoter] = [[0], [0]];
  const endpoints = [await member(t, true, ofLearner), await member(t, false, ofVoter)];
  await using client = new Client({ endpoints, requestTimeoutMs: 60_000 });
  await client.kv.put({ key: "k", value: "v" });
  await client.kv.put({ key: "k", value: "w" });
  assert.deepEqual([ofLearner, ofVoter], [[1], [2]]);
});

test("with no other endpoint its refusal is told", async (t) => {
  const calls = [0];
  const endpoints = [await member(t, true, calls)];
  await using client = new Client({ endpoints, requestTimeoutMs: 60_000 });
  await assert.rejects(client.kv.put({ key: "k", value: "v" }), { name: "ClientError", message: REFUSAL });
  assert.deepEqual(calls, [1]);
});
