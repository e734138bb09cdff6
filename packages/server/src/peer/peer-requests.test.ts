import assert from "node:assert/strict";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { realClock } from "@quorate/storage/seams/real-clock";
import { realRandom } from "@quorate/storage/seams/real-random";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { systemCertificates } from "../tls/testing.ts";
import { PeerDialer } from "./dialer.ts";
import { createPeerRequests } from "./peer-requests.ts";
import { testRequests } from "./testing.ts";

async function listen(t: TestContext, server: net.Server): Promise<string> {
  await listenOnFreePort(server);
  t.after(() => {
    server.close();
    if (server instanceof http.Server) server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const serve = (t: TestContext, handler: http.RequestListener) => listen(t, http.createServer(handler));

function client(t: TestContext) {
  const requests = testRequests();
  t.after(() => requests.close());
  return requests;
}

/** Answers with what it was asked. */
const echo: http.RequestListener = async (req, res) => {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  res.writeHead(200, { "X-Etcd-Cluster-ID": "ab" });
  res.end(`${req.method} ${req.url} ${req.headers.authorization ?? "-"} ${Buffer.concat(chunks)}`);
};

test("a GET may have a body", async (t) => {
  const url = await serve(t, echo);
  const answer = await client(t).send(url, {
    method: "GET",
    path: "/members/hashkv",
    body: '{"revision":1}',
    timeoutMs: 5_000,
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.toString(), 'GET /members/hashkv - {"revision":1}');
  assert.equal(answer.headers["x-etcd-cluster-id"], "ab");
});

test("a POST sends its headers and bytes", async (t) => {
  const url = await serve(t, echo);
  const answer = await client(t).send(url, {
    method: "POST",
    path: "/leases",
    headers: { authorization: "token" },
    body: Buffer.from("xyz"),
    timeoutMs: 5_000,
  });
  assert.equal(answer.body.toString(), "POST /leases token xyz");
});

test("a redirect is an answer like any other", async (t) => {
  const url = await serve(t, (_, res) => {
    res.writeHead(307, { location: "http://127.0.0.1:1/" });
    res.end("elsewhere");
  });
  const answer = await client(t).send(url, { method: "GET", path: "/members", timeoutMs: 5_000 });
  assert.equal(answer.status, 307);
});

test("connections are used again", async (t) => {
  let connections = 0;
  const server = http.createServer(echo).on("connection", () => connections++);
  const url = await listen(t, server);
  const requests = client(t);
  for (let i = 0; i < 5; i++)
    await requests.send(url, { method: "POST", path: "/leases", timeoutMs: 5_000, body: "" });
  assert.equal(connections, 1);
});

test("a large answer is put together in slices", async (t) => {
  const sent = Buffer.alloc(5 * 2 ** 20, "an answer of some megabytes, ");
  const url = await serve(t, (_, res) => void res.end(sent));
  let turns = 0;
  const clock = {
    ...realClock,
    // Only the bytes count, not how long they take.
    nowMs: () => 0,
    soon: (callback: () => void) => {
      turns += 1;
      setImmediate(callback);
    },
  };
  const requests = createPeerRequests({
    dialer: new PeerDialer(systemCertificates),
    clock,
    random: realRandom,
  });
  t.after(() => requests.close());
  const ask = { method: "GET", path: "/", timeoutMs: 20_000, maxResponseBytes: 2 ** 23 } as const;
  assert.ok((await requests.send(url, ask)).body.equals(sent));
  assert.ok(turns >= 4, `${turns} turns`);
});

test("an answer that is too large, comes too late, is cut off or never comes is an error", async (t) => {
  const requests = client(t);
  const large = await serve(t, (_, res) => void res.end(Buffer.alloc(2_000)));
  const ask = { method: "GET", path: "/", timeoutMs: 5_000 } as const;
  await assert.rejects(requests.send(large, { ...ask, maxResponseBytes: 1_999 }), /more than 1999 bytes/);
  assert.equal((await requests.send(large, { ...ask, maxResponseBytes: 2_000 })).body.length, 2_000);

  const silent = await listen(
    t,
    net.createServer((socket) => socket.on("error", () => {}).resume()),
  );
  await assert.rejects(requests.send(silent, { ...ask, timeoutMs: 50 }), /no answer in time/);
  const aborter = new AbortController();
  const aborted = requests.send(silent, { ...ask, signal: aborter.signal });
  aborter.abort();
  await assert.rejects(aborted, /canceled/);

  const cut = await serve(t, (_, res) => {
    res.write("half");
    setImmediate(() => res.socket?.destroy());
  });
  await assert.rejects(requests.send(cut, ask), /aborted|socket hang up/);
  await assert.rejects(requests.send("http://127.0.0.1:1", ask), /ECONNREFUSED/);
  await assert.rejects(requests.send("ftp://127.0.0.1:1", ask), /URL scheme/);
});

test("closing fails what is under way and what comes later", async (t) => {
  const url = await listen(
    t,
    net.createServer((socket) => socket.on("error", () => {}).resume()),
  );
  const requests = testRequests();
  const waiting = requests.send(url, { method: "GET", path: "/", timeoutMs: 60_000 });
  const failed = assert.rejects(waiting, /closed/);
  requests.close();
  await failed;
  await assert.rejects(requests.send(url, { method: "GET", path: "/", timeoutMs: 1 }), /closed/);
});
