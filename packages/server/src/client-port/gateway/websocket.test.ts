import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, beforeEach, suite, test } from "node:test";
import { until } from "@quorate/testkit/wait";
import {
  LeaseKeepAliveResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { type ClientOptions, WebSocket } from "ws";
import type { FakeBackend } from "./fake-backend.testing.ts";
import { TestGateway } from "./gateway.testing.ts";

let gateway: TestGateway;
let backend: FakeBackend;

before(async () => {
  gateway = await TestGateway.start();
  backend = gateway.backend;
});
after(() => gateway[Symbol.asyncDispose]());
beforeEach(() => {
  backend.calls.length = 0;
  backend.behave = () => {};
});

class Client {
  readonly socket: WebSocket;
  readonly got: string[] = [];
  closeCode: number | undefined;

  constructor(path: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, options);
    this.socket.on("message", (data, isBinary) => {
      assert.equal(isBinary, false);
      this.got.push(String(data));
    });
    this.socket.on("error", () => {});
    this.socket.on("close", (code) => {
      this.closeCode = code;
    });
  }

  async opened(): Promise<this> {
    await once(this.socket, "open");
    return this;
  }
}

suite("websocket", () => {
  test("messages are request messages, lines are messages, a close is echoed and cancels", async () => {
    backend.behave = (call, event) => {
      if (event === "message")
        call.reply(WatchResponseSchema, { watchId: BigInt(call.sent.length), created: true });
    };
    const client = await new Client("/v3/watch").opened();
    client.socket.send('{"create_request":{"key":"Zm9v"}}');
    await until(() => client.got.length === 1);
    client.socket.send(Buffer.from('{"create_request":{}}{"create_request":'));
    await until(() => client.got.length === 2);
    client.socket.send("{}}");
    await until(() => client.got.length === 3);
    assert.deepEqual(client.got, [
      '{"result":{"watch_id":"1","created":true}}',
      '{"result":{"watch_id":"2","created":true}}',
      '{"result":{"watch_id":"3","created":true}}',
    ]);
    backend.last.reply(WatchResponseSchema, { events: [{ kv: { value: new Uint8Array(500_000) } }] });
    await until(() => client.got.length === 4);
    assert.equal(JSON.parse(client.got[3]!).result.events.length, 1);
    client.socket.close(1000);
    await until(() => client.closeCode !== undefined);
    assert.equal(client.closeCode, 1000);
    await until(() => backend.last.isCanceled);
  });

  test("a client whose requests the call does not want yet is held back, and goes on later", async () => {
    backend.behave = (call, event) => {
      if (event === "message" && call.sent.length === 1) call.pauseReading();
    };
    const client = await new Client("/v3/watch").opened();
    const request = `{"create_request":{"key":"${"b".repeat(100_000)}"}}`;
    const total = 400;
    for (let i = 0; i < total; i++) client.socket.send(request);
    await until(() => backend.calls.length === 1 && backend.last.sent.length === 1);
    let left = client.socket.bufferedAmount;
    for (let still = 0; still < 20; still++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (client.socket.bufferedAmount !== left) still = 0;
      left = client.socket.bufferedAmount;
    }
    assert.ok(left > (total * request.length) / 2, `${left} of ${total * request.length} bytes`);
    assert.equal(backend.last.sent.length, 1);
    backend.last.resumeReading();
    await until(() => backend.last.sent.length === total);
    client.socket.close();
    await until(() => backend.last.isCanceled);
  });

  test("a line of many pieces is one message", async () => {
    const client = await new Client("/v3/watch").opened();
    client.socket.send('{"create_request":{}}');
    await until(() => backend.calls.length === 1);
    for (let i = 1; i <= 3; i++) {
      backend.last.reply(WatchResponseSchema, {
        watchId: BigInt(i),
        events: Array.from({ length: 20 }, () => ({ kv: { value: new Uint8Array(100_000) } })),
      });
    }
    await until(() => client.got.length === 3);
    const lines = client.got.map((line) => JSON.parse(line).result);
    assert.deepEqual(
      lines.map(({ watch_id, events }) => [watch_id, events.length]),
      [
        ["1", 20],
        ["2", 20],
        ["3", 20],
      ],
    );
    client.socket.close();
  });

  test("lease keep-alives", async () => {
    backend.behave = (call, event) => {
      if (event === "message") call.reply(LeaseKeepAliveResponseSchema, { ID: 7587n, TTL: 30n });
    };
    const client = await new Client("/v3/lease/keepalive").opened();
    client.socket.send('{"ID":"7587"}');
    client.socket.send('{"ID":"7587"}');
    await until(() => client.got.length === 2);
    assert.equal(client.got[1], '{"result":{"ID":"7587","TTL":"30"}}');
    client.socket.terminate();
    await until(() => backend.last.isCanceled);
  });

  test("a call that ends closes the connection without a close frame", async () => {
    backend.behave = (call, event) => {
      if (event !== "message") return;
      call.reply(WatchResponseSchema, { created: true });
      call.end(14, "etcdserver: no leader");
    };
    const client = await new Client("/v3/watch").opened();
    client.socket.send("{}");
    await until(() => client.closeCode !== undefined);
    assert.deepEqual(client.got, [
      '{"result":{"created":true}}',
      '{"error":{"code":14,"message":"etcdserver: no leader"}}',
    ]);
    assert.equal(client.closeCode, 1006);
  });

  test("a unary call is made with the first value, answered with one message, and ends the connection", async () => {
    backend.behave = (call, event) => {
      if (event === "halfClose") call.replyAndEnd(RangeResponseSchema, { count: 1n });
    };
    const client = await new Client("/v3/kv/range").opened();
    client.socket.send('{"key":"Zm9v"}');
    await until(() => client.closeCode !== undefined);
    assert.deepEqual(client.got, ['{"count":"1"}']);
    assert.equal(Buffer.from(backend.last.request(RangeRequestSchema).key).toString(), "foo");
  });

  test("a request that cannot be read is one message with the error", async () => {
    const client = await new Client("/v3/kv/put").opened();
    client.socket.send('{"key":"!"}');
    await until(() => client.closeCode !== undefined);
    assert.equal(client.got.length, 1);
    assert.equal(JSON.parse(client.got[0]!).code, 3);
  });

  test("an error of the call is one message", async () => {
    backend.behave = (call, event) => {
      if (event === "halfClose") call.end(3, "etcdserver: key is not provided");
    };
    const client = await new Client("/v3beta/kv/put").opened();
    client.socket.send("{}");
    await until(() => client.closeCode !== undefined);
    assert.deepEqual(client.got, ['{"code":3,"message":"etcdserver: key is not provided"}']);
  });

  test("errors of routing are one message", async () => {
    const client = await new Client("/v3/nosuch?method=GET").opened();
    await until(() => client.closeCode !== undefined);
    assert.deepEqual(client.got, ['{"code":5,"message":"Not Found"}']);
  });
});

suite("metadata of a websocket", () => {
  const none = { "grpcgateway-authorization": [""], authorization: [""] };
  const cases: {
    name: string;
    headers: Record<string, string>;
    want: Record<string, string[]>;
    protocol?: string;
  }[] = [
    {
      name: "nothing of a usual request",
      headers: { accept: "*/*", "user-agent": "x", authorization: "y" },
      want: {},
    },
    {
      name: "origin and referer",
      headers: { origin: "http://o", referer: "http://r" },
      want: { "grpcgateway-origin": ["http://o"], "grpcgateway-referer": ["http://r"] },
    },
    {
      name: "a token in the protocol",
      headers: { "sec-websocket-protocol": "Bearer, tok.en/+=" },
      want: { authorization: ["Bearer tok.en/+="], "grpcgateway-authorization": ["Bearer tok.en/+="] },
      protocol: "Bearer",
    },
    {
      name: "a token without the blank",
      headers: { "sec-websocket-protocol": "Bearer,tok" },
      want: { authorization: ["Bearer tok"], "grpcgateway-authorization": ["Bearer tok"] },
      protocol: "Bearer",
    },
    { name: "another protocol", headers: { "sec-websocket-protocol": "chat" }, want: none },
    {
      name: "a bearer without a token",
      headers: { "sec-websocket-protocol": "Bearer" },
      want: none,
      protocol: "Bearer",
    },
    {
      name: "a cookie, which counts more",
      headers: { cookie: "a=b; token=cook", "sec-websocket-protocol": "Bearer, tok" },
      want: { authorization: ["Bearer cook"], "grpcgateway-authorization": ["Bearer cook"] },
      protocol: "Bearer",
    },
  ];
  for (const { name, headers, want, protocol } of cases) {
    test(name, async () => {
      const answer = await handshake("/v3/watch", { ...upgrade, ...headers });
      assert.match(answer, /^HTTP\/1\.1 101 /);
      assert.equal(/^sec-websocket-protocol: (.*)\r$/im.exec(answer)?.[1], protocol);
      assert.doesNotMatch(answer, /^sec-websocket-extensions:/im);
      await until(() => backend.calls.length === 1);
      assert.deepEqual(Object.fromEntries(backend.last.metadata), want);
    });
  }
});

const upgrade = {
  connection: "keep-alive, Upgrade",
  upgrade: "WebSocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-extensions": "permessage-deflate",
};

/** The head of the answer to a handshake; the connection is closed then. */
async function handshake(path: string, headers: Record<string, string>, method = "GET"): Promise<string> {
  const socket = net.connect(gateway.port, "127.0.0.1");
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  let answer = "";
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes("\r\n\r\n") && answer.startsWith("HTTP/1.1 101")) break;
  }
  socket.destroy();
  return answer;
}

suite("handshakes that are refused", () => {
  const cases: { name: string; headers: Record<string, string>; method?: string; status: number }[] = [
    { name: "no key", headers: { "sec-websocket-key": "" }, status: 400 },
    { name: "a key of the wrong length", headers: { "sec-websocket-key": "abcd" }, status: 400 },
    { name: "another version", headers: { "sec-websocket-version": "8" }, status: 400 },
    { name: "another method", headers: {}, method: "POST", status: 405 },
  ];
  for (const { name, headers, method = "GET", status } of cases) {
    test(name, async () => {
      const answer = await handshake("/v3/watch", { host: "a", ...upgrade, ...headers }, method);
      assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer);
      assert.ok(answer.endsWith(status === 400 ? "\r\n\r\nBad Request\n" : "\r\n\r\nMethod Not Allowed\n"));
      assert.equal(backend.calls.length, 0);
    });
  }

  test("a host that is not listed", async () => {
    await using strict = await TestGateway.start({ hostWhitelist: ["good"] });
    const socket = net.connect(strict.port, "127.0.0.1");
    const lines = Object.entries({ host: "evil", ...upgrade }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    socket.write(`GET /v3/watch HTTP/1.1\r\n${lines.join("")}\r\n`);
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    assert.ok(answer.startsWith("HTTP/1.1 421 "));
  });
});

test("a message longer than any request is refused, and the member lives", async () => {
  const client = await new Client("/v3/watch").opened();
  client.socket.send(Buffer.alloc(6_000_000, " "));
  await until(() => client.closeCode !== undefined);
  assert.equal(client.closeCode, 1009);
  await until(() => backend.last.isCanceled);
});

test("closing the gateway closes its websockets", async () => {
  await using own = await TestGateway.start();
  const socket = new WebSocket(`ws://127.0.0.1:${own.port}/v3/watch`);
  socket.on("error", () => {});
  await once(socket, "open");
  own.gateway.close();
  await once(socket, "close");
  assert.ok(own.backend.last.isCanceled);
});
