import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import test, { type TestContext } from "node:test";
import { MessageType } from "@quorate/raft";
import { until } from "@quorate/testkit/wait";
import { encodeMessage } from "@quorate/wire/hot";
import { message, startMember, type TestMember } from "../peer/testing.ts";
import { COMPATIBLE_VERSION } from "../version.ts";

const CLUSTER = "c63a13ba3ce23b4f";
const PEER = 0x5en;
const REMOVED = 0xdeadn;
const V = { "X-Server-Version": "3.7.1", "X-Min-Cluster-Version": "3.0.0" };
const C = { "X-Etcd-Cluster-ID": CLUSTER };
const TO = { "X-Raft-To": "a" };

async function startServer(t: TestContext): Promise<TestMember> {
  const member = await startMember(t, 0xan);
  member.transport.addPeer(PEER, ["http://127.0.0.1:1"]);
  member.removedIds.add(REMOVED);
  return member;
}

interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

function ask(member: TestMember, { method = "GET", path, headers = {}, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(member.url);
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const request = http.request(
      { host: hostname, port, method, path, headers: { ...headers, ...length }, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("latin1");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: text }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

const bytes = (hex: string) => Buffer.from(hex, "hex");
const length = (value: bigint) => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(value);
  return out;
};
const post = (to: bigint, from = PEER) =>
  Buffer.from(encodeMessage(message(MessageType.MsgHeartbeat, to, { from, term: 1 })));
const framed = (content: Uint8Array) => Buffer.concat([length(BigInt(content.length)), content]);

interface Case extends Ask {
  readonly name: string;
  readonly status: number;
  readonly answer: string;
  readonly allow?: string;
  /** Unless it is false the cluster ID is told. */
  readonly tellsCluster?: false;
}

const STREAM = "/raft/stream/message/5e";
const cases: Case[] = [
  { name: "a stream without headers", path: STREAM, status: 412, answer: "incompatible version\n" },
  {
    name: "a stream of another cluster",
    path: STREAM,
    headers: { ...V, "X-Etcd-Cluster-ID": "1" },
    status: 412,
    answer: "cluster ID mismatch\n",
  },
  {
    name: "a stream of a release that is too old",
    path: STREAM,
    headers: { ...V, "X-Server-Version": "2.3.0" },
    status: 412,
    answer: "incompatible version\n",
  },
  {
    name: "a stream of a release that wants a newer one",
    path: STREAM,
    headers: { ...V, ...C, "X-Min-Cluster-Version": "3.9.0" },
    status: 412,
    answer: "incompatible version\n",
  },
  {
    name: "a version that is none",
    path: STREAM,
    headers: { ...V, ...C, "X-Server-Version": "abc" },
    status: 412,
    answer: "incompatible version\n",
  },
  {
    name: "a stream of an unknown kind",
    path: "/raft/stream/foo/5e",
    headers: { ...V, ...C },
    status: 404,
    answer: "invalid path\n",
  },
  {
    name: "a stream with an ID that is none",
    path: "/raft/stream/message/zz",
    headers: { ...V, ...C },
    status: 404,
    answer: "invalid from\n",
  },
  {
    name: "a stream of a stranger",
    path: "/raft/stream/message/abc",
    headers: { ...V, ...C, ...TO },
    status: 404,
    answer: "error sender not found\n",
  },
  {
    name: "a stream of a removed member",
    path: "/raft/stream/msgapp/dead",
    headers: { ...V, ...C, ...TO },
    status: 410,
    answer: "removed member\n",
  },
  {
    name: "a stream to somebody else",
    path: STREAM,
    headers: { ...V, ...C, "X-Raft-To": "1" },
    status: 412,
    answer: "to field mismatch\n",
  },
  {
    name: "a stream by POST",
    method: "POST",
    path: STREAM,
    headers: { ...V, ...C },
    status: 405,
    answer: "Method Not Allowed\n",
    allow: "GET",
    tellsCluster: false,
  },
  {
    name: "a message by GET",
    path: "/raft",
    status: 405,
    answer: "Method Not Allowed\n",
    allow: "POST",
    tellsCluster: false,
  },
  {
    name: "a message without headers",
    method: "POST",
    path: "/raft",
    status: 412,
    answer: "incompatible version\n",
  },
  {
    name: "a message that is none",
    method: "POST",
    path: "/raft",
    headers: { ...V, ...C },
    body: bytes("ffff"),
    status: 400,
    answer: "error unmarshalling raft message\n",
  },
  {
    name: "a message to somebody else",
    method: "POST",
    path: "/raft",
    headers: { ...V, ...C },
    body: post(0x1234n),
    status: 403,
    answer: '{"message":"cannot process message to mismatch member"}',
  },
  {
    name: "a message to somebody else from a removed member",
    method: "POST",
    path: "/raft",
    headers: { ...V, ...C },
    body: post(0x1234n, REMOVED),
    status: 403,
    answer: '{"message":"cannot process message from removed member"}',
  },
  {
    name: "a message",
    method: "POST",
    path: "/raft",
    headers: { ...V, ...C },
    body: post(0xan),
    status: 204,
    answer: "",
  },
  {
    name: "a snapshot by PUT",
    method: "PUT",
    path: "/raft/snapshot",
    status: 405,
    answer: "Method Not Allowed\n",
    allow: "POST",
    tellsCluster: false,
  },
  {
    name: "a snapshot that is cut off in its length",
    method: "POST",
    path: "/raft/snapshot",
    headers: { ...V, ...C },
    body: bytes("0000"),
    status: 400,
    answer: "failed to decode raft message (unexpected EOF)\n",
  },
  {
    name: "a snapshot of nothing",
    method: "POST",
    path: "/raft/snapshot",
    headers: { ...V, ...C },
    body: bytes(""),
    status: 400,
    answer: "failed to decode raft message (EOF)\n",
  },
  {
    name: "a snapshot message of 2^60 bytes",
    method: "POST",
    path: "/raft/snapshot",
    headers: { ...V, ...C },
    body: length(2n ** 60n),
    status: 400,
    answer: "failed to decode raft message (rafthttp: error limit exceeded)\n",
  },
  {
    name: "a heartbeat as a snapshot",
    method: "POST",
    path: "/raft/snapshot",
    headers: { ...V, ...C },
    body: framed(post(0xan)),
    status: 400,
    answer: "wrong raft message type\n",
  },
];
for (const { name, status, answer, allow, tellsCluster, ...asked } of cases) {
  test(`${name}: ${status} ${answer.trim()}`, async (t) => {
    const got = await ask(await startServer(t), asked);
    assert.equal(got.status, status);
    assert.equal(got.body, answer);
    assert.equal(got.headers.allow, allow);
    assert.equal(got.headers["x-etcd-cluster-id"], tellsCluster === false ? undefined : CLUSTER);
    const isStream = asked.path.startsWith("/raft/stream/") && tellsCluster !== false;
    assert.equal(got.headers["x-server-version"], isStream ? COMPATIBLE_VERSION : undefined);
    if (status !== 204) {
      const isJson = answer.startsWith("{");
      assert.equal(got.headers["content-type"], isJson ? "application/json" : "text/plain; charset=utf-8");
      assert.equal(got.headers["x-content-type-options"], isJson ? undefined : "nosniff");
    }
  });
}

test("raft's refusal is a 500, and the connection ends", async (t) => {
  const member = await startServer(t);
  member.events.onReceive = () => {
    throw new Error("stopped");
  };
  const got = await ask(member, {
    method: "POST",
    path: "/raft",
    headers: { ...V, ...C },
    body: post(0xan),
  });
  assert.equal(got.status, 500);
  assert.equal(got.body, "error processing raft message\n");
});

test("a database that cannot be saved is a 500 with the reason", async (t) => {
  const member = await startServer(t);
  member.events.onSnapshot = async () => {
    throw new Error("disk is full");
  };
  const metadata = {
    index: 7,
    term: 1,
    confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  };
  const snapshot = message(MessageType.MsgSnap, 0xan, {
    from: PEER,
    snapshot: { data: Buffer.alloc(0), metadata },
  });
  const body = Buffer.concat([framed(encodeMessage(snapshot)), Buffer.from("database")]);
  const got = await ask(member, {
    method: "POST",
    path: "/raft/snapshot",
    headers: { ...V, ...C },
    body,
  });
  assert.equal(got.status, 500);
  assert.equal(got.body, "failed to save KV snapshot (disk is full)\n");
});

for (const method of ["GET", "POST", "DELETE"]) {
  test(`a probe by ${method} tells the time`, async (t) => {
    const got = await ask(await startServer(t), { method, path: "/raft/probing" });
    assert.equal(got.status, 200);
    const { OK, Now } = JSON.parse(got.body) as { OK: boolean; Now: string };
    assert.equal(OK, true);
    assert.ok(Math.abs(Date.parse(Now) - Date.now()) < 60_000);
    assert.ok(got.body.endsWith("}\n"));
    assert.equal(got.headers["content-type"], "text/plain; charset=utf-8");
  });
}

const redirects = [
  { path: "//version", location: "/version" },
  { path: "/raft/../version?x=1", location: "/version?x=1" },
  { path: "/raft/stream/message//abc", location: "/raft/stream/message/abc" },
  { path: "/raft/stream", location: "/raft/stream/" },
  { path: "//raft/stream", location: "/raft/stream" },
  { path: "/members/promote?x", location: "/members/promote/?x" },
  { path: "//a%20b", location: "/a%2520b" },
];
for (const { path, location } of redirects) {
  test(`${path} is redirected to ${location}`, async (t) => {
    const member = await startServer(t);
    const got = await ask(member, { path });
    assert.equal(got.status, 307);
    assert.equal(got.headers.location, location);
    assert.equal(got.body, `<a href="${location}">Temporary Redirect</a>.\n\n`);
    const posted = await ask(member, { method: "POST", path });
    assert.deepEqual([posted.status, posted.body], [307, ""]);
  });
}

test("other paths are for the other handler", async (t) => {
  const member = await startMember(t, 0xan, {
    plain: (request, response) => void response.end(`plain ${request.url}`),
  });
  for (const path of ["/version", "/raft/", "/raft/x", "/members/", "/"]) {
    assert.equal((await ask(member, { path })).body, `plain ${path}`);
  }
});

/** Bytes on a connection, and what comes back until it ends. */
function raw(t: TestContext, member: TestMember, text: string) {
  const socket = net.connect(Number(new URL(member.url).port), "127.0.0.1");
  t.after(() => socket.destroy());
  const connection = { socket, text: "", closed: false };
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    connection.text += chunk.toString("latin1");
  });
  socket.on("close", () => {
    connection.closed = true;
  });
  socket.write(text);
  return connection;
}

test("garbage is answered 400, and the connection ends", async (t) => {
  const member = await startServer(t);
  for (const text of [
    "\0\x01\x02garbage\r\n\r\n",
    "GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  ]) {
    const connection = raw(t, member, text);
    await until(() => connection.closed);
    assert.match(connection.text, /^HTTP\/1\.1 400 Bad Request/);
  }
});

test("a connection that says nothing disturbs nobody", async (t) => {
  const member = await startServer(t);
  const silent = Array.from({ length: 50 }, () => raw(t, member, "POST /raft HTTP/1.1\r\nHost: x\r\n"));
  assert.equal((await ask(member, { path: "/raft/probing" })).status, 200);
  assert.ok(silent.every(({ closed }) => !closed));
});

test("who is refused before it has sent all still sees why, and cannot go on for ever", async (t) => {
  const member = await startServer(t);
  const connection = raw(
    t,
    member,
    "POST /raft/snapshot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  const feed = setInterval(() => {
    if (connection.socket.writable) connection.socket.write(chunk);
  }, 5);
  t.after(() => clearInterval(feed));
  await until(() => connection.closed);
  assert.match(connection.text, /^HTTP\/1\.1 412 .*incompatible version\n/s);
});

test("a snapshot whose sender goes away is a failure, never a shorter file", async (t) => {
  const member = await startServer(t);
  let received = 0;
  let failure: Error | undefined;
  member.events.onSnapshot = async (_, database) => {
    try {
      for await (const part of database) received += part.length;
    } catch (error) {
      failure = error as Error;
      throw error;
    }
  };
  const metadata = {
    index: 7,
    term: 1,
    confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  };
  const head = framed(
    encodeMessage(
      message(MessageType.MsgSnap, 0xan, { from: PEER, snapshot: { data: Buffer.alloc(0), metadata } }),
    ),
  );
  const connection = raw(
    t,
    member,
    `POST /raft/snapshot HTTP/1.1\r\nHost: x\r\nX-Server-Version: 3.7.1\r\nX-Min-Cluster-Version: 3.0.0\r\n` +
      `X-Etcd-Cluster-ID: ${CLUSTER}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const body = Buffer.concat([head, Buffer.from("part of a database")]);
  connection.socket.write(`${body.length.toString(16)}\r\n`);
  connection.socket.write(body);
  connection.socket.write("\r\n");
  await until(() => received > 0);
  connection.socket.destroy();
  await until(() => failure !== undefined);
  assert.equal(received, "part of a database".length);
  assert.equal(member.transport.metrics.of(PEER).snapshotsReceived.failures, 1);
});

test("addresses that are none are not remembered", async (t) => {
  const member = await startServer(t);
  const from = (id: string, urls: string) =>
    ask(member, {
      method: "POST",
      path: "/raft",
      headers: { ...V, ...C, "X-Server-From": id, "X-PeerURLs": urls },
      body: post(0xan),
    });
  for (const [i, urls] of ["nonsense", "http://x", "http://127.0.0.1:1/path", "", ","].entries()) {
    assert.equal((await from(`7${i}`, urls)).status, 204);
  }
  assert.equal(member.transport.remoteCount, 0);
  await from("77", "http://127.0.0.1:1");
  assert.equal(member.transport.remoteCount, 1);
});

test("strangers cannot become remotes without bound", async (t) => {
  const member = await startServer(t);
  for (let i = 0; i < 1_000; i++) member.transport.addRemote(BigInt(0x1000 + i), ["http://127.0.0.1:1"]);
  assert.equal(member.transport.remoteCount, 256);
});

test("a request that fails unforeseen is answered with 500, and the others go on", async (t) => {
  const member = await startMember(t, 0xan, {
    plain: (request, response) => {
      if (request.url === "/begun") response.writeHead(200, { "content-length": "10" }).write("half");
      if (request.url !== "/fine") throw new Error("a defect");
      response.end("fine");
    },
  });
  assert.equal((await ask(member, { path: "/broken" })).status, 500);
  await assert.rejects(ask(member, { path: "/begun" }));
  assert.equal((await ask(member, { path: "/fine" })).body, "fine");
});

test("a raft message that fails unforeseen costs its request only", async (t) => {
  const member = await startServer(t);
  member.transport.heardFrom = () => {
    throw new Error("a defect");
  };
  const body = encodeMessage(message(MessageType.MsgHeartbeat, 0xan, { from: PEER, term: 1 }));
  for (let i = 0; i < 2; i++) {
    const answer = await ask(member, { method: "POST", path: "/raft", headers: { ...V, ...C, ...TO }, body });
    assert.equal(answer.status, 500);
  }
});
