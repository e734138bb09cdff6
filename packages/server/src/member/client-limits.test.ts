import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { GrpcError } from "@quorate/rpc/status";
import { Member } from "./member.ts";
import { connect, get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-client-limits-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
/** One request, and the next one when a test has long ended. */
const LIMITS = {
  requestsPerSecond: 0.001,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  burstSeconds: 2_000,
  isDryRun: false,
};
const KEY = Buffer.from("k").toString("base64");

async function limitedRequests(member: Member): Promise<number> {
  const text = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
  return Number(/^quorate_limited_requests_total\{limit="requests"\} (\d+)$/m.exec(text)?.[1]);
}

test("who has used up what it may is told when to come back, over gRPC, JSON and keys", async () => {
  await using member = await Member.start({ dataDir: path.join(root, "1"), clientLimits: LIMITS });
  const client = await connect(member);
  const url = member.clientUrls[0]!;
  await put(client, "k", "v");
  await put(client, "k", "v");
  await assert.rejects(get(client, "k"), (error) => {
    assert.ok(error instanceof GrpcError);
    assert.equal(error.code, 8, error.message);
    assert.match(error.message, /too many requests of this client, it may come back in \d+ ms/);
    return true;
  });
  // All of this machine are one client.
  for (const answer of [
    await fetch(`${url}/v3/kv/range`, { method: "POST", body: JSON.stringify({ key: KEY }) }),
    await fetch(`${url}/v3/watch`, {
      method: "POST",
      body: JSON.stringify({ create_request: { key: KEY } }),
    }),
    await fetch(`${url}/kv/k`),
    await fetch(`${url}/kv/k`, { method: "PUT", body: "w" }),
  ]) {
    assert.equal(answer.status, 429);
    const seconds = Number(answer.headers.get("retry-after"));
    assert.ok(seconds > 500 && seconds <= 1_000, `${seconds}`);
    await answer.text();
  }
  assert.equal(await limitedRequests(member), 5);
  client.close();
});

test("over gRPC the time to come back is in the trailers that clients which try again go by", async () => {
  const clientLimits = { ...LIMITS, burstSeconds: 1 };
  await using member = await Member.start({ dataDir: path.join(root, "4"), clientLimits });
  const session = http2.connect(member.clientUrls[0]!);
  const request = session.request({
    ":method": "POST",
    ":path": "/etcdserverpb.KV/Range",
    "content-type": "application/grpc",
    te: "trailers",
  });
  // A message without any field.
  request.end(Buffer.alloc(5));
  // What fails before anything was answered has its status and trailers in one block.
  const [headers] = await once(request, "response");
  session.close();
  assert.equal(headers["grpc-status"], "8");
  const retryMs = Number(headers["retry-after-ms"]);
  assert.ok(retryMs > 900_000 && retryMs <= 1_000_000, `${retryMs}`);
  assert.equal(headers["grpc-retry-pushback-ms"], headers["retry-after-ms"]);
});

test("in a dry run the same is served, and counted", async () => {
  const clientLimits = { ...LIMITS, isDryRun: true };
  await using member = await Member.start({ dataDir: path.join(root, "2"), clientLimits });
  const client = await connect(member);
  for (let i = 0; i < 5; i++) await put(client, "k", "v");
  assert.equal(await limitedRequests(member), 3);
  client.close();
});

test("without limits there is no metric of them", async () => {
  await using member = await Member.start({ dataDir: path.join(root, "3") });
  assert.equal(await limitedRequests(member), Number.NaN);
});
