import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { PassThrough } from "node:stream";
import test, { type TestContext } from "node:test";
import { TLSSocket } from "node:tls";
import { GrpcServer } from "@quorate/rpc/server";
import { RawClient, rawFrames as raw } from "@quorate/rpc/testing";
import { AssertionFailure } from "@quorate/storage/assert";
import { realClock } from "@quorate/storage/seams/real-clock";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { PutResponseSchema } from "@quorate/wire/etcdserverpb";
import type { ApiContext } from "../api/context.ts";
import { Measures } from "../api/measures.ts";
import { silentLogger } from "../log/logger.ts";
import { FakeBackend } from "./gateway/fake-backend.testing.ts";
import { createGateway, type Gateway } from "./gateway/gateway.ts";
import { clientCommonName } from "./gateway/node-http.ts";
import { HealthCounts } from "./health-counts.ts";
import { RequestDefects } from "./request-defects.ts";
import { createClientHttp } from "./servers.ts";

const WATCH = '{"create_request":{"key":"YQ=="}}';

/** The client port's HTTP over a fake backend; the gateway opens when the test says so. */
async function setUp(t: TestContext, clock: typeof realClock = realClock) {
  const backend = new FakeBackend();
  const failures: Error[] = [];
  const defects = new RequestDefects(silentLogger, (error) => failures.push(error));
  const report = (error: unknown, request: string) => defects.report(error, request);
  const gateway = createGateway({
    backend,
    clock,
    maxRequestBytes: 1_572_864,
    cors: [],
    hostWhitelist: [],
    clientCertAuth: false,
    isAuthEnabled: () => false,
    onDefect: report,
  });
  const openings: PromiseWithResolvers<Gateway>[] = [];
  const healthAnswered = { throws: undefined as Error | undefined };
  const health = new HealthCounts();
  health.answered = () => {
    if (healthAnswered.throws !== undefined) throw healthAnswered.throws;
  };
  const observation = { health, exposition: async () => ({ contentType: "text/plain", text: "metrics" }) };
  const context = {
    alarms: { list: () => [] },
    consensus: { leader: 1n, linearizable: async () => {} },
    membership: { version: "3.7.0" },
    clock: realClock,
    store: { range: () => ({ records: [], count: 0 }) },
    backend: { get: () => undefined },
    log: silentLogger,
    measures: new Measures(realClock),
  } as unknown as ApiContext;
  const client = createClientHttp(
    context,
    () => {
      const opening = Promise.withResolvers<Gateway>();
      openings.push(opening);
      return opening.promise;
    },
    observation,
    defects,
  );
  await listenOnFreePort(client.server);
  t.after(() => {
    client.close();
    client.server.closeAllConnections();
    client.server.close();
  });
  const { port } = client.server.address() as net.AddressInfo;
  const opening = async (n = 0) => {
    await until(() => openings.length > n);
    return openings[n]!;
  };
  const open = async () => (await opening()).resolve(gateway);
  /** A client that writes `text` and leaves when it is told to. */
  const raw1 = (text: string) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(text);
    return socket;
  };
  /** The same over HTTP/2. */
  const http2 = (path: string, body?: string) => {
    const grpc = new GrpcServer({
      onHttpRequest: (exchange) => client.onHttp2Request(exchange),
      onHandlerError: report,
    });
    const peer = new RawClient();
    grpc.attach(peer.open, { address: "127.0.0.1", port: 1 });
    peer.greet();
    const fields: [string, string][] = [
      [":method", body === undefined ? "GET" : "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", "x"],
    ];
    if (body === undefined) peer.send(raw.headers(1, fields, 5));
    else peer.send(raw.headers(1, fields), raw.data(1, new Uint8Array(Buffer.from(body)), true));
    return peer;
  };
  const get = (path: string) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      http
        .get({ host: "127.0.0.1", port, path, agent: false }, async (res) => {
          resolve({ status: res.statusCode, text: Buffer.concat(await res.toArray()).toString() });
        })
        .on("error", reject);
    });
  return { backend, client, defects, failures, gateway, get, healthAnswered, http2, open, opening, raw1 };
}

/** Waits for the answer to the only request of a peer. */
const answered = (peer: RawClient) =>
  until(() => {
    peer.flush();
    return peer.blocks.length > 0;
  });
const post = (body: string) =>
  `POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

test("a client that goes away while the gateway is being loaded leaves no call behind", async (t) => {
  const { backend, raw1, http2, opening, gateway, defects, client, get } = await setUp(t);
  let requests = 0;
  client.server.on("request", () => void requests++);
  const plain = raw1("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  const sockets = [raw1(post(WATCH)), raw1(post(WATCH) + post(WATCH)), plain];
  const peers = [http2("/v3/watch", WATCH), http2("/v3/watch", WATCH)];
  const first = await opening();
  await until(() => requests === 4);
  for (const socket of sockets) socket.resetAndDestroy();
  peers[0]!.close();
  peers[1]!.send(raw.reset(1));
  let connections = sockets.length;
  await until(() => {
    client.server.getConnections((_, count) => {
      connections = count;
    });
    return connections === 0;
  });
  // Whoever asks last is answered last.
  const last = get("/health");
  await until(() => requests === 5);
  first.resolve(gateway);
  await last;
  assert.deepEqual(
    backend.calls.filter(({ isCanceled }) => !isCanceled),
    [],
  );
  assert.equal(defects.count, 0);
});

test("a client that goes away later ends its call, and what waits behind it is not begun", async (t) => {
  const { backend, client, raw1, http2, open } = await setUp(t);
  const socket = raw1(post(WATCH) + post(WATCH));
  const peers = [http2("/v3/watch", WATCH), http2("/v3/watch", WATCH)];
  await open();
  await until(() => backend.calls.length === 3);
  const closed = new Promise<void>((resolve) => client.server.once("close", resolve));
  socket.destroy();
  peers[0]!.close();
  peers[1]!.send(raw.reset(1));
  await until(() => backend.calls.every(({ isCanceled }) => isCanceled));
  client.server.close();
  await closed;
  assert.equal(backend.calls.length, 3);
});

const put = (cut = 0) => {
  const body = '{"key":"YQ==","value":"Yg=="}';
  const head = `POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  return head + body.slice(0, body.length - cut);
};
const CANCELED = '{"code":1,"message":"context canceled"}';
const clientEnds = [
  { name: "after a request", sent: put(), status: "499 status code 499", body: CANCELED, calls: 1 },
  {
    name: "within a request",
    sent: put(3),
    status: "400 Bad Request",
    body: '{"code":3,"message":"unexpected EOF"}',
    calls: 0,
  },
  {
    name: "after the beginning of a stream",
    sent: post(WATCH),
    status: "499 status code 499",
    body: `{"error":${CANCELED}}\n`,
    calls: 1,
  },
  {
    name: "within the first request of a stream",
    sent: post(WATCH).slice(0, -3),
    status: "499 status code 499",
    body: `{"error":${CANCELED}}\n`,
    calls: 1,
  },
];
for (const { name, sent, status, body, calls } of clientEnds) {
  for (const when of ["before", "after"]) {
    test(`a client that ends its side ${name} is answered as Go does, ${when} the gateway is there`, async (t) => {
      const { backend, client, gateway, opening, get } = await setUp(t);
      if (when === "after") {
        const answer = get("/version");
        (await opening()).resolve(gateway);
        await answer;
      }
      const { port } = client.server.address() as net.AddressInfo;
      const ended = new Promise<void>((resolve) =>
        client.server.once("connection", (socket) => socket.once("end", resolve)),
      );
      const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      socket.end(sent);
      const text = socket.toArray().then((chunks) => Buffer.concat(chunks).toString());
      await ended;
      if (when === "before") (await opening()).resolve(gateway);
      const answer = await text;
      socket.destroy();
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status}\r\n`));
      assert.ok(answer.includes(body), answer);
      assert.deepEqual(
        backend.calls.map(({ isCanceled }) => isCanceled),
        new Array(when === "after" ? calls : 0).fill(true),
      );
    });
  }
}

const brokenChunk =
  'POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"key"zz\r\n';
const MALFORMED = '{"code":3,"message":"malformed chunked encoding"}';
for (const { name, sent, answers } of [
  { name: "a body that is broken off by what is no HTTP", sent: brokenChunk, answers: [MALFORMED] },
  {
    name: "one that waits behind another request",
    sent: `GET /version HTTP/1.1\r\nHost: x\r\n\r\n${brokenChunk}`,
    answers: ["etcdserver", MALFORMED],
  },
]) {
  for (const ends of [false, true]) {
    test(`${name} is answered, and its connection closed${ends ? ", though the client has ended its side" : ""}`, async (t) => {
      const socket = await connectToOpenGateway(t, await setUp(t));
      socket.write(sent);
      if (ends) socket.end();
      const text = Buffer.concat(await socket.toArray()).toString();
      socket.destroy();
      const found = text.split("HTTP/1.1 ").slice(1);
      assert.deepEqual(
        found.map((answer, i) => answer.includes(answers[i] ?? "?")),
        answers.map(() => true),
        text,
      );
    });
  }
}

/** A connection whose requests the gateway is there for; its client can end its side alone. */
async function connectToOpenGateway(
  t: TestContext,
  { client, get, open }: Awaited<ReturnType<typeof setUp>>,
): Promise<net.Socket> {
  const first = get("/version");
  await open();
  await first;
  const { port } = client.server.address() as net.AddressInfo;
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  t.after(() => socket.destroy());
  return socket;
}

test("of requests in a row only the last one is canceled when their client ends its side", async (t) => {
  const harness = await setUp(t);
  const { backend, get } = harness;
  const socket = await connectToOpenGateway(t, harness);
  socket.end(put() + put());
  await until(() => backend.calls.length === 1);
  // A request that comes later on another connection is answered before it.
  await get("/version");
  assert.equal(backend.calls.length, 1);
  assert.equal(backend.calls[0]!.isCanceled, false);
  backend.calls[0]!.replyAndEnd(PutResponseSchema, {});
  const text = Buffer.concat(await socket.toArray()).toString();
  assert.deepEqual(text.match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 499"]);
});

test("a request that waits without end does so for ten seconds more when its client has ended its side", async (t) => {
  const timers: (() => void)[] = [];
  const clock: typeof realClock = Object.create(realClock);
  clock.setTimer = (delayMs, callback) => {
    if (delayMs !== 10_000) return realClock.setTimer(delayMs, callback);
    timers.push(callback);
    return { cancel: () => {} };
  };
  const harness = await setUp(t, clock);
  const { backend } = harness;
  const socket = await connectToOpenGateway(t, harness);
  socket.end(put() + put());
  await until(() => timers.length === 1);
  assert.equal(backend.calls[0]!.isCanceled, false);
  timers[0]!();
  assert.equal(backend.calls[0]!.isCanceled, true);
  const text = Buffer.concat(await socket.toArray()).toString();
  assert.deepEqual(text.match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 499", "HTTP/1.1 499"]);
});

test("a gateway that cannot be opened is answered with 500 and counted, and the next request tries again", async (t) => {
  const { get, http2, opening, gateway, defects } = await setUp(t);
  const answer = get("/health");
  const peer = http2("/health");
  (await opening()).reject(new Error("no memory"));
  assert.deepEqual(await answer, { status: 500, text: "Internal Server Error\n" });
  await answered(peer);
  assert.equal(peer.blocks[0]?.fields[":status"], "500");
  assert.equal(defects.count, 2);
  const again = get("/health");
  (await opening(1)).resolve(gateway);
  assert.equal((await again).status, 200);
});

test("an endpoint that fails costs its request and no other", async (t) => {
  const { get, http2, open, defects, healthAnswered, failures } = await setUp(t);
  const first = get("/health");
  await open();
  assert.equal((await first).status, 200);
  healthAnswered.throws = new TypeError("a defect");
  assert.equal((await get("/health")).status, 500);
  const peer = http2("/health");
  await answered(peer);
  assert.equal(peer.blocks[0]?.fields[":status"], "500");
  assert.equal(defects.count, 2);
  assert.equal((await get("/version")).status, 200);
  assert.deepEqual(failures, []);
});

test("a broken invariant ends the member, wherever it is found", async (t) => {
  const { get, open, healthAnswered, failures } = await setUp(t);
  healthAnswered.throws = new AssertionFailure("a broken invariant");
  const answer = get("/health");
  await open();
  assert.equal((await answer).status, 500);
  assert.deepEqual(failures, [healthAnswered.throws]);
});

test("a call that throws is answered with INTERNAL, and ends", async (t) => {
  const { backend, raw1, http2, open, defects } = await setUp(t);
  backend.behave = (_call, event) => {
    if (event === "start") throw new Error("a defect");
  };
  const socket = raw1(post(WATCH));
  const peer = http2("/v3/watch", WATCH);
  await open();
  const [chunk] = (await socket.take(1).toArray()) as [Buffer];
  assert.match(chunk.toString(), /^HTTP\/1.1 500 /);
  assert.match(chunk.toString(), /"code":13,"message":"internal error"/);
  await answered(peer);
  assert.equal(peer.blocks[0]?.fields[":status"], "500");
  assert.equal(defects.count, 2);
  socket.destroy();
});

test("a redirect names a path that a header cannot have in escaped form", async (t) => {
  const { http2, open, defects } = await setUp(t);
  const peer = http2("/v3/a /.");
  await open();
  await answered(peer);
  assert.equal(peer.blocks[0]?.fields[":status"], "307");
  assert.equal(peer.blocks[0]?.fields.location, "/v3/a%2520");
  assert.equal(defects.count, 0);
});

test("a TLS connection that is gone has no client's name any more", () => {
  const socket = new TLSSocket(new PassThrough() as unknown as net.Socket);
  socket.authorized = true;
  socket.destroy();
  assert.equal(clientCommonName(socket), "");
});
