import assert from "node:assert/strict";
import type http from "node:http";
import type net from "node:net";
import { type TestContext, test } from "node:test";
import { until } from "@quorate/testkit/wait";
import { type Client, REQUEST, start } from "./http1-server.testing.ts";

/** Longer than a busy machine takes for headers that were sent at once. */
const HEADERS_TIMEOUT_MS = 1_500;

test("an idle connection outlives those whose headers do not come", async (t) => {
  const connect = await start(t, { headersTimeoutMs: HEADERS_TIMEOUT_MS, checkIntervalMs: 10 });
  const idle = connect().send(REQUEST);
  await idle.answers(1);
  // Both begin to wait after the idle one, and are cut for it.
  const silent = connect();
  const half = connect().send("GET / HTTP/1.1\r\nHo");
  const late = connect().send(REQUEST);
  await late.answers(1);
  late.send("GET / HTTP/1.1\r\nHo");
  await Promise.all([silent.closed, half.closed, late.closed]);
  assert.equal(idle.isClosed, false);
  idle.send(REQUEST);
  await idle.answers(2);
  assert.doesNotMatch(idle.text, /keep-alive: timeout/i);
});

test("an answer may take longer than headers may", async (t) => {
  const responses: http.ServerResponse[] = [];
  const connect = await start(t, {
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
    checkIntervalMs: 10,
    onRequest: (_, res) => responses.push(res),
  });
  const patient = connect().send(REQUEST);
  await until(() => responses.length > 0);
  await connect().closed;
  assert.equal(patient.isClosed, false);
  responses[0]!.end("done");
  await patient.answers(1);
});

test("a connection that was upgraded is nobody's request any more", async (t) => {
  const connect = await start(t, {
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
    checkIntervalMs: 10,
    upgrades: () => true,
    onUpgrade: (_, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      socket.on("data", (chunk) => socket.write(chunk));
    },
  });
  const upgraded = connect().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
  await upgraded.answers(1);
  await connect().closed;
  assert.equal(upgraded.isClosed, false);
  upgraded.send("HTTP/1.1 still there");
  await upgraded.answers(2);
});

for (const bytes of [60_000, 1_000_000]) {
  test(`a header of ${bytes} octets is taken`, async (t) => {
    const connect = await start(t);
    const client = connect().send(`GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${"v".repeat(bytes)}\r\n\r\n`);
    await client.answers(1);
    assert.match(client.text, new RegExp(`GET ${bytes}`));
  });
}

test("headers over 1 MiB are refused with 431, which arrives although the client goes on sending", async (t) => {
  const connect = await start(t);
  const client = connect().send(`GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${"v".repeat(8_000_000)}\r\n\r\n`);
  await client.closed;
  assert.match(client.text, /^HTTP\/1\.1 431 .*\r\n\r\n431 Request Header Fields Too Large$/s);
});

test("what is no HTTP is answered with 400", async (t) => {
  const connect = await start(t);
  const client = connect().send("GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n");
  await client.closed;
  assert.match(client.text, /^HTTP\/1\.1 400 .*\r\n\r\n400 Bad Request$/s);
});

/** A server whose answers a test gives. */
async function startSlow(t: TestContext) {
  const responses: http.ServerResponse[] = [];
  const servers: net.Socket[] = [];
  const connect = await start(t, {
    onRequest: (req, res) => {
      req.resume();
      servers.push(req.socket);
      responses.push(res);
    },
  });
  const begun = (count: number) => until(() => responses.length >= count);
  /** Resolves when the server knows that nothing more comes. */
  const heardEnd = () => until(() => servers[0]!.readableEnded);
  return { connect, responses, begun, heardEnd };
}

const answersIn = (text: string) =>
  text
    .split("HTTP/1.1 ")
    .slice(1)
    .map((answer) => `${answer.slice(0, 3)} ${answer.slice(answer.indexOf("\r\n\r\n") + 4)}`);

const BAD = "400 400 Bad Request";
const ends = [
  { name: "one request", sent: REQUEST, answers: ["200 0"] },
  { name: "two requests", sent: REQUEST + REQUEST, answers: ["200 0", "200 1"] },
  { name: "a request and half of another", sent: `${REQUEST}GET / HT`, answers: ["200 0", BAD] },
  { name: "a request and what is none", sent: `${REQUEST}\0\0\0\0\r\n\r\n`, answers: ["200 0", BAD] },
  {
    name: "half a body",
    sent: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    answers: ["200 0"],
  },
  {
    name: "a request and half a body",
    sent: `${REQUEST}POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc`,
    answers: ["200 0", "200 1"],
  },
];
for (const { name, sent, answers } of ends) {
  test(`a client that ends its side after ${name} gets its answers, and then the end`, async (t) => {
    const { connect, responses, begun, heardEnd } = await startSlow(t);
    const client = connect();
    client.socket.end(sent);
    const count = answers.filter((answer) => answer !== BAD).length;
    await begun(1);
    await heardEnd();
    for (let i = 0; i < count; i++) {
      await begun(i + 1);
      responses[i]!.end(String(i));
    }
    await client.closed;
    assert.deepEqual(answersIn(client.text), answers);
  });
}

test("a body that was answered before it broke off is not answered again", async (t) => {
  const connect = await start(t);
  const client = connect();
  client.socket.end("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
  await client.closed;
  assert.deepEqual(answersIn(client.text), ["200 POST 0"]);
});

test("no second answer is written into one that has begun", async (t) => {
  const { connect, responses, begun } = await startSlow(t);
  const client = connect().send(REQUEST);
  await begun(1);
  responses[0]!.writeHead(200, { "content-length": "5" });
  responses[0]!.write("be");
  await client.answers(1);
  for (let i = 0; i < 3; i++) client.send("\0\0\0\0\r\n\r\n");
  await until(() => responses[0]!.listenerCount("close") > 0);
  responses[0]!.end("gun");
  await client.closed;
  assert.deepEqual(answersIn(client.text), ["200 begun", BAD]);
});

test("CONNECT is a request like any other", async (t) => {
  const connect = await start(t);
  const client = connect().send("CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n");
  await client.closed;
  assert.match(client.text, /^HTTP\/1\.1 200 .*CONNECT 0$/s);
});

test("requests that follow each other without waiting are begun one after another, and not read without end", async (t) => {
  const { connect, responses, begun } = await startSlow(t);
  const total = 20_000;
  const client = connect();
  client.socket.end(REQUEST.repeat(total));
  await begun(1);
  const { socket } = responses[0]!.req;
  // Nothing more is read, whatever the server has time for.
  let read = -1;
  for (let still = 0; still < 20; still++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (socket.bytesRead !== read) still = 0;
    read = socket.bytesRead;
  }
  assert.ok(read <= 2 * 65_536, `${read} of ${total * REQUEST.length} octets were read`);
  assert.equal(responses.length, 1);
  let most = 0;
  for (let i = 0; i < total; i++) {
    await begun(i + 1);
    most = Math.max(most, responses.length - i);
    responses[i]!.end(String(i));
  }
  assert.equal(most, 1);
  await client.closed;
  const answers = answersIn(client.text);
  assert.equal(answers.length, total);
  assert.ok(answers.every((answer, i) => answer === `200 ${i}`));
});

test("between the requests of one chunk others have their turn", async (t) => {
  let immediates = 0;
  const turns: number[] = [];
  const connect = await start(t, {
    onRequest: (_, res) => {
      turns.push(immediates);
      res.end("x");
    },
  });
  let counting = true;
  t.after(() => {
    counting = false;
  });
  const count = () => {
    immediates++;
    if (counting) setImmediate(count);
  };
  count();
  const client = connect().send(REQUEST.repeat(50));
  await client.answers(50);
  assert.equal(new Set(turns).size, 50);
});

const CONNECT = "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n";
const UPGRADE = "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";

/** Requests that are answered when a test says so, and how many upgrades there were. */
async function startSlowly(t: TestContext) {
  const begun: [path: string, res: http.ServerResponse][] = [];
  const state = { upgrades: 0 };
  const connect = await start(t, {
    upgrades: ({ headers }) => headers.upgrade !== undefined,
    onUpgrade: (_, socket) => {
      state.upgrades++;
      socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\nupgraded");
    },
    onRequest: (req, res) => begun.push([req.method === "CONNECT" ? "CONNECT" : req.url!, res]),
  });
  const untilBegun = (count: number, client: Client): Promise<void> =>
    until(() => {
      if (begun.length >= count) return true;
      assert.equal(client.isClosed, false, `closed after ${JSON.stringify(client.text)}`);
      return false;
    });
  return { connect, begun, state, until: untilBegun };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const bodiesOf = ({ text }: Client): (string | undefined)[] =>
  text
    .split("HTTP/1.1 ")
    .slice(1)
    .map((answer) => answer.split("\r\n\r\n")[1]?.trim());

test("CONNECT that comes while other requests are being answered waits for its turn", async (t) => {
  const { connect, begun, until } = await startSlowly(t);
  const client = connect().send(`${get("/1")}${get("/2")}${CONNECT}what follows`);
  for (let i = 0; i < 3; i++) {
    await until(i + 1, client);
    assert.equal(begun.length, i + 1, "it is not taken up before");
    begun[i]![1].end(begun[i]![0]);
  }
  await client.closed;
  assert.deepEqual(bodiesOf(client), ["/1", "/2", "CONNECT"]);
});

test("an upgrade that comes while another request is being answered is a request like any other", async (t) => {
  const { connect, begun, state, until } = await startSlowly(t);
  const client = connect().send(`${get("/1")}${UPGRADE}`);
  for (let i = 0; i < 2; i++) {
    await until(i + 1, client);
    begun[i]![1].end(begun[i]![0]);
  }
  await client.answers(2);
  assert.deepEqual([bodiesOf(client), state.upgrades], [["/1", "/upgrade"], 0]);
  client.send(UPGRADE);
  await client.closed;
  assert.equal(state.upgrades, 1);
});

test("a request hears that its client has gone away, whatever came behind it", async (t) => {
  const { connect, begun, until } = await startSlowly(t);
  const client = connect().send(`${get("/1")}${get("/2")}${get("/3")}${CONNECT}what follows`);
  await until(1, client);
  const isOver = new Promise((resolve) => begun[0]![1].on("close", resolve));
  client.socket.resetAndDestroy();
  await isOver;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(begun.length, 1, "nobody is there for whom anything could be taken up");
});
