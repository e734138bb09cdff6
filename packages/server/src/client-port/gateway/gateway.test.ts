import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { after, before, beforeEach, suite, test } from "node:test";
import { realClock } from "@quorate/storage/seams/real-clock";
import { until } from "@quorate/testkit/wait";
import { decode, encode, METHODS } from "@quorate/wire";
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  SnapshotResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import type { FakeBackend, FakeCall, FakeEvent } from "./fake-backend.testing.ts";
import { TestGateway } from "./gateway.testing.ts";

const header = {
  clusterId: 6543781515009840581n,
  memberId: 2054479223316367161n,
  revision: 2n,
  raftTerm: 2n,
};
const jsonHeader =
  '"header":{"cluster_id":"6543781515009840581","member_id":"2054479223316367161","revision":"2","raft_term":"2"}';

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

/** Ends every call with a status once its request is complete. */
const failWith =
  (code: number, message: string) =>
  (call: FakeCall, event: FakeEvent): void => {
    if (event === "halfClose") call.end(code, message);
  };

const answerPut = (call: FakeCall, event: FakeEvent): void => {
  if (event === "halfClose") call.replyAndEnd(PutResponseSchema, { header });
};
const answerRange = (call: FakeCall, event: FakeEvent): void => {
  if (event === "halfClose") call.replyAndEnd(RangeResponseSchema, { header, count: 1n });
};

/** The chunks of a response's body. */
function chunksOf(response: string): string[] {
  const chunks: string[] = [];
  for (let at = response.indexOf("\r\n\r\n") + 4; ; ) {
    const end = response.indexOf("\r\n", at);
    const length = Number.parseInt(response.slice(at, end), 16);
    if (length === 0) return chunks;
    chunks.push(response.slice(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}

/** The lines of a response as they arrive. */
function lines(req: http.ClientRequest): {
  res: Promise<http.IncomingMessage>;
  got: string[];
  ended: () => boolean;
} {
  const got: string[] = [];
  let isEnded = false;
  const res = new Promise<http.IncomingMessage>((resolve, reject) => {
    req.on("error", reject);
    req.on("response", (response) => {
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        const parts = (rest + chunk).split("\n");
        rest = parts.pop() ?? "";
        got.push(...parts);
      });
      response.on("end", () => {
        isEnded = true;
      });
      response.on("error", () => {});
      resolve(response);
    });
  });
  return { res, got, ended: () => isEnded };
}

suite("unary calls", () => {
  test("a put is answered with a header", async () => {
    backend.behave = answerPut;
    const answer = await gateway.ask("/v3/kv/put", '{"key":"Zm9v","value":"YmFy"}');
    assert.equal(answer.status, 200);
    assert.equal(answer.body, `{${jsonHeader}}`);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.headers["grpc-metadata-content-type"], "application/grpc");
    assert.equal(answer.headers["content-length"], String(answer.body.length));
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    assert.equal(answer.headers["access-control-allow-methods"], "POST, GET, OPTIONS, PUT, DELETE");
    assert.equal(answer.headers["access-control-allow-headers"], "accept, content-type, authorization");
    assert.equal(backend.last.path, "/etcdserverpb.KV/Put");
    assert.equal(backend.last.deadlineMs, Number.POSITIVE_INFINITY);
    const { key, value } = backend.last.request(PutRequestSchema);
    assert.equal(Buffer.from(key).toString(), "foo");
    assert.equal(Buffer.from(value).toString(), "bar");
  });

  test("every route leads to its method", async () => {
    backend.behave = (call, event) => {
      if (event === "message") call.end(14, "route");
    };
    for (const method of METHODS.values()) {
      for (const path of method.httpPaths) {
        const answer = await gateway.ask(path, "{}");
        assert.equal(answer.status, 503, path);
        assert.equal(backend.last.path, method.path);
      }
    }
  });

  const taken = [
    { name: "no body at all", body: "" },
    { name: "a blank body", body: " \n" },
    { name: "the beta's path", path: "/v3beta/kv/range", body: "{}" },
    { name: "a query, which means nothing", path: "/v3/kv/range?key=YQ==&method=GET", body: "{}" },
    { name: "whatever follows the first value", body: "{} trailing }}" },
    { name: "any content type", body: "{}", headers: { "content-type": "text/plain" } },
    {
      name: "a form's content type",
      body: "{}",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    },
    { name: "an overridden method, if it is POST", body: "{}", headers: { "x-http-method-override": "GET" } },
  ];
  for (const { name, path = "/v3/kv/range", body, headers = {} } of taken) {
    test(`taken: ${name}`, async () => {
      backend.behave = answerRange;
      const answer = await gateway.ask(path, body, { headers });
      assert.deepEqual([answer.status, answer.body], [200, `{${jsonHeader},"count":"1"}`]);
      assert.deepEqual(backend.last.request(RangeRequestSchema).key, new Uint8Array(0));
    });
  }

  test("a request in many chunks and a response of many pieces", async () => {
    const kvs = Array.from({ length: 2000 }, (_, i) => ({
      key: Buffer.from(`key${i}`),
      value: new Uint8Array(200),
    }));
    backend.behave = (call, event) => {
      if (event === "halfClose") call.replyAndEnd(RangeResponseSchema, { header, kvs, count: 2000n });
    };
    const req = gateway.open("/v3/kv/range");
    const { res, got, ended } = lines(req);
    for (const chunk of ['{"ke', 'y":"Z', 'm9v"', "}"]) {
      req.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    req.end("\n");
    assert.equal((await res).statusCode, 200);
    await until(ended);
    // Without a line end, the body is what `lines` holds back; ask again for all of it.
    assert.deepEqual(got, []);
    const answer = await gateway.ask("/v3/kv/range", '{"key":"Zm9v"}');
    assert.equal(JSON.parse(answer.body).kvs.length, 2000);
    assert.equal(answer.headers["grpc-metadata-content-type"], "application/grpc");
  });

  test("a reply in parts is written as one, and every part is released", async () => {
    const kv = { key: Buffer.from("k"), value: new Uint8Array(1000) };
    let state = { held: -1 };
    backend.behave = (call, event) => {
      if (event !== "halfClose") return;
      state = call.replyInParts([
        encode(RangeResponseSchema, { header, kvs: new Array(100).fill(kv) }),
        encode(RangeResponseSchema, { kvs: new Array(50).fill(kv), count: 150n }),
      ]);
      call.end();
    };
    const answer = await gateway.ask("/v3/kv/range", "{}");
    const { kvs, count } = JSON.parse(answer.body);
    assert.deepEqual([answer.status, kvs.length, count, state.held], [200, 150, "150", 0]);
    assert.ok(kvs.every(({ value }: { value: string }) => value === kvs[0].value));
  });

  test("parts are released when the client does not wait for them", async () => {
    const kv = { value: new Uint8Array(1_000_000) };
    let state = { held: -1 };
    backend.behave = (call, event) => {
      if (event !== "halfClose") return;
      state = call.replyInParts([encode(RangeResponseSchema, { kvs: new Array(30).fill(kv) })]);
      call.end();
    };
    const req = gateway.open("/v3/kv/range");
    req.on("error", () => {});
    req.end("{}");
    const [res] = (await once(req, "response")) as [http.IncomingMessage];
    res.on("error", () => {});
    res.pause();
    assert.equal(state.held, 1);
    req.destroy();
    await until(() => state.held === 0);
  });

  test("large requests are converted in turns, and keep their order", async () => {
    const key = "b".repeat(400_000);
    backend.behave = () => {};
    const req = gateway.open("/v3/watch");
    req.on("error", () => {});
    for (let i = 1; i <= 5; i++) {
      req.write(
        `{"create_request":{"watch_id":${2 * i - 1},"key":"${key}"}}{"create_request":{"watch_id":${2 * i}}}`,
      );
    }
    req.end("garbage");
    await until(() => backend.calls.length === 1 && backend.last.isHalfClosed);
    const ids = backend.last.sent.map((message) => {
      const { requestUnion } = decode(WatchRequestSchema, message);
      return requestUnion.case === "createRequest" ? Number(requestUnion.value.watchId) : -1;
    });
    assert.deepEqual(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    req.destroy();
    await until(() => backend.last.isCanceled);
  });

  test("a large request that is wrong is refused", async () => {
    const puts = new Array(20_000).fill('{"request_put":{"key":"YQ=="}}').join(",");
    const answer = await gateway.ask("/v3/kv/txn", `{"success":[${puts},{"request_put":{"key":1}}]}`);
    assert.equal(answer.status, 400);
    assert.match(answer.body, /invalid value for bytes field key: 1/);
    assert.equal(backend.calls.length, 0);
  });

  test("a client that leaves cancels its call", async () => {
    const req = gateway.open("/v3/kv/range");
    req.on("error", () => {});
    req.end("{}");
    await until(() => backend.calls.length === 1 && backend.last.isHalfClosed);
    req.destroy();
    await until(() => backend.last.isCanceled);
  });
});

suite("errors", () => {
  const refused: {
    path?: string;
    method?: string;
    body?: string;
    headers?: Record<string, string>;
    status: number;
    code: number;
    message?: RegExp;
  }[] = [
    { path: "/v3/nosuch", status: 404, code: 5, message: /^Not Found$/ },
    { path: "/v3/", status: 404, code: 5 },
    { path: "/v3/kv/range/", status: 404, code: 5 },
    { path: "/v3/KV/range", status: 404, code: 5 },
    { path: "/v3/kv/rangestream", status: 404, code: 5 },
    { method: "GET", path: "/v3/nosuch", status: 404, code: 5 },
    { method: "GET", status: 501, code: 12, message: /^Method Not Allowed$/ },
    { method: "PUT", status: 501, code: 12 },
    {
      headers: { "content-type": "application/x-www-form-urlencoded", "x-http-method-override": "get" },
      status: 501,
      code: 12,
    },
    { body: '{"key":"!!!!"}', status: 400, code: 3, message: /invalid value for bytes field key: "!!!!"/ },
    { body: '{"limit":"x"}', status: 400, code: 3 },
    { body: '{"limit":1.5}', status: 400, code: 3 },
    { body: '{"key":1}', status: 400, code: 3 },
    { body: "[]", status: 400, code: 3 },
    { body: "null", status: 400, code: 3 },
    { body: "7", status: 400, code: 3 },
    { body: "x", status: 400, code: 3, message: /^invalid character 'x' looking for beginning of value$/ },
    { body: '{"key":"Zm9v"', status: 400, code: 3, message: /^unexpected EOF$/ },
    { body: '{"key":"Zm9v","key":"YQ=="}', status: 400, code: 3, message: /duplicate field "key"/ },
    {
      body: "[".repeat(20_000),
      status: 400,
      code: 3,
      message: /^invalid character '\[' exceeded max depth$/,
    },
    { path: "/v3/maintenance/snapshot", body: "[]", status: 400, code: 3 },
    { headers: { "grpc-timeout": "zz" }, status: 400, code: 3, message: /^invalid grpc-timeout: zz$/ },
    {
      headers: { "grpc-timeout": "1" },
      body: "garbage",
      status: 400,
      code: 3,
      message: /^invalid grpc-timeout: 1$/,
    },
    {
      headers: { "grpc-metadata-a-bin": "?" },
      status: 400,
      code: 3,
      message: /^invalid binary header grpc-metadata-a-bin: /,
    },
    {
      headers: { "grpc-timeout": "1n" },
      body: "{}",
      status: 504,
      code: 4,
      message: /^context deadline exceeded$/,
    },
    { headers: { "grpc-timeout": "-1S" }, path: "/v3/watch", body: "{}", status: 504, code: 4 },
  ];
  for (const {
    path = "/v3/kv/range",
    method = "POST",
    body = "",
    headers = {},
    status,
    code,
    message = /./,
  } of refused) {
    const shown = `${method} ${path} ${JSON.stringify(headers)} ${body.slice(0, 40)}`;
    test(`${shown} is refused without a call: ${status}, code ${code}`, async () => {
      const answer = await gateway.ask(path, method === "GET" ? "" : body, { method, headers });
      const json: { code: number; message: string } = JSON.parse(answer.body);
      assert.equal(answer.status, status);
      assert.deepEqual(Object.keys(json), ["code", "message"]);
      assert.equal(json.code, code);
      assert.match(json.message, message);
      assert.equal(answer.headers["content-type"], "application/json");
      assert.equal(answer.headers["grpc-metadata-content-type"], undefined);
      assert.equal(answer.headers["access-control-allow-origin"], "*");
      assert.equal(backend.calls.length, 0);
    });
  }

  const statuses: [code: number, status: number][] = [
    [1, 499],
    [2, 500],
    [3, 400],
    [4, 504],
    [5, 404],
    [6, 409],
    [7, 403],
    [8, 429],
    [9, 400],
    [10, 409],
    [11, 400],
    [12, 501],
    [13, 500],
    [14, 503],
    [15, 500],
    [16, 401],
    [77, 500],
  ];
  for (const [code, status] of statuses) {
    test(`code ${code} is status ${status}`, async () => {
      backend.behave = failWith(code, "etcdserver: <text> & more");
      const answer = await gateway.ask("/v3/kv/put", "{}");
      assert.equal(answer.status, status);
      assert.equal(answer.body, `{"code":${code},"message":"etcdserver: <text> & more"}`);
      assert.equal(answer.headers["www-authenticate"], code === 16 ? "etcdserver: <text> & more" : undefined);
    });
  }

  test("a message that no header can hold does not break the answer", async () => {
    backend.behave = failWith(16, "nö\r\nX: y");
    const answer = await gateway.ask("/v3/kv/put", "{}");
    assert.equal(answer.status, 401);
    assert.equal(answer.headers["www-authenticate"], "n???X: y");
    assert.equal(JSON.parse(answer.body).message, "nö\r\nX: y");
  });

  test("HEAD is another method, without a body", async () => {
    const answer = await gateway.ask("/v3/kv/range", "", { method: "HEAD" });
    assert.deepEqual([answer.status, answer.body], [501, ""]);
  });

  test("a message above gRPC's limit is refused with its size, one at the limit is not", async () => {
    backend.behave = answerPut;
    const value = (bytes: number): string =>
      JSON.stringify({ value: Buffer.alloc(bytes).toString("base64") });
    const refused = await gateway.ask("/v3/kv/put", value(2_200_000));
    assert.equal(refused.status, 429);
    assert.equal(
      refused.body,
      '{"code":8,"message":"grpc: received message larger than max (2200005 vs. 2097152)"}',
    );
    const taken = await gateway.ask("/v3/kv/put", value(2_097_152 - 5));
    assert.equal(taken.status, 200);
    assert.equal(backend.last.request(PutRequestSchema).value.length, 2_097_147);
  });

  test("an endless value is refused while it is being sent", async () => {
    // Not to be closed by the server: what it does not read any more would reset the connection under the answer.
    const agent = new http.Agent({ keepAlive: true });
    const req = gateway.open("/v3/kv/put", { agent });
    const { res } = lines(req);
    let status: number | undefined;
    void res.then((response) => {
      status = response.statusCode;
    });
    req.write('{"value":"');
    const chunk = Buffer.alloc(256 * 1024, "A");
    for (let sent = 0; sent < 1000 && status === undefined; sent++) {
      await new Promise((resolve) => req.write(chunk, resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(status, 429);
    req.destroy();
    agent.destroy();
  });

  test("an escaped path is the path that it means", async () => {
    for (const path of ["/v3/kv%2Frange", "/%76%33/kv/r%61nge", "/v3%62eta/kv/range"]) {
      // A path that is known, with another method.
      assert.equal((await gateway.ask(path, "", { method: "GET" })).status, 501, path);
    }
  });

  test("a malformed escape is a bad request, before anything else", async () => {
    const answer = await gateway.ask("/v3/kv/range%zz", "{}");
    assert.deepEqual([answer.status, answer.body], [400, "400 Bad Request"]);
  });

  test("who reads is shown the way in HTML", async () => {
    const answer = await gateway.ask("//x?a&b", "", { method: "GET" });
    assert.deepEqual(
      [answer.status, answer.headers["content-type"], answer.body],
      [307, "text/html; charset=utf-8", '<a href="/x?a&amp;b">Temporary Redirect</a>.\n\n'],
    );
  });

  test("doubled slashes and dots are redirected to the path they mean", async () => {
    for (const path of ["/v3//kv/range", "/v3/kv/./range", "/v3/x/../kv/range", "//v3/kv/range"]) {
      const answer = await gateway.ask(`${path}?a=b`, "{}");
      assert.equal(answer.status, 307);
      assert.equal(answer.headers.location, "/v3/kv/range?a=b");
    }
  });
});

suite("deadlines", () => {
  test("the time that is left goes with the call, and ends it", async () => {
    const answer = await gateway.ask("/v3/kv/range", "{}", { headers: { "grpc-timeout": "300m" } });
    assert.deepEqual([answer.status, answer.body], [504, '{"code":4,"message":"context deadline exceeded"}']);
    assert.ok(backend.last.deadlineMs <= 300 && backend.last.deadlineMs > 0);
    assert.ok(backend.last.isCanceled);
  });

  const units = {
    "1H": 3_600_000,
    "2M": 120_000,
    "3S": 3000,
    "400000m": 400_000,
    "5000000u": 5000,
    "6000000000n": 6000,
  };
  for (const [text, ms] of Object.entries(units)) {
    test(`${text} is ${ms} ms`, async () => {
      backend.behave = answerRange;
      await gateway.ask("/v3/kv/range", "{}", { headers: { "grpc-timeout": text } });
      assert.ok(
        backend.last.deadlineMs <= ms && backend.last.deadlineMs > ms - 1000,
        `${backend.last.deadlineMs}`,
      );
    });
  }
});

suite("metadata", () => {
  const metadataFor = async (headers: http.OutgoingHttpHeaders): Promise<Record<string, string[]>> => {
    backend.behave = answerRange;
    await gateway.ask("/v3/kv/range", "{}", { headers: { host: "example:2379", ...headers } });
    return Object.fromEntries(backend.last.metadata);
  };
  const common = {
    "grpcgateway-host": ["example:2379"],
    "x-forwarded-host": ["example:2379"],
    "x-forwarded-for": ["127.0.0.1"],
  };
  const cases: { name: string; headers: http.OutgoingHttpHeaders; want: Record<string, string[]> }[] = [
    { name: "no header of interest", headers: { "x-other": "1", connection: "close" }, want: {} },
    {
      name: "authorization comes as itself and with the prefix",
      headers: { authorization: "Bearer abc" },
      want: { authorization: ["Bearer abc"], "grpcgateway-authorization": ["Bearer abc"] },
    },
    {
      name: "metadata headers",
      headers: { "Grpc-Metadata-Token": "t", "grpc-metadata-hasleader": "true" },
      want: { token: ["t"], hasleader: ["true"] },
    },
    { name: "a metadata header twice", headers: { "Grpc-Metadata-X": ["a", "b"] }, want: { x: ["a", "b"] } },
    { name: "binary metadata", headers: { "Grpc-Metadata-X-Bin": "/+8" }, want: { "x-bin": ["\xff\xef"] } },
    {
      name: "standard headers",
      headers: {
        accept: "*/*",
        "user-agent": "curl",
        "content-type": "a/b",
        cookie: "c=d",
        origin: "http://o",
      },
      want: {
        "grpcgateway-accept": ["*/*"],
        "grpcgateway-user-agent": ["curl"],
        "grpcgateway-content-type": ["a/b"],
        "grpcgateway-cookie": ["c=d"],
        "grpcgateway-origin": ["http://o"],
      },
    },
    {
      name: "the trace that the request belongs to is the call's",
      headers: { traceparent: "00-a-b-01", TraceState: ["x=1", "y=2"], baggage: "k=v" },
      want: { traceparent: ["00-a-b-01"], tracestate: ["x=1,y=2"], baggage: ["k=v"] },
    },
    {
      name: "a trace that is named in metadata counts for more",
      headers: { traceparent: "00-a-b-01", "grpc-metadata-traceparent": "00-c-d-01" },
      want: { traceparent: ["00-c-d-01"] },
    },
    {
      name: "values that are not printable are dropped",
      headers: { accept: "\xe9", "grpc-metadata-x": "\xe9" },
      want: {},
    },
    {
      name: "forwarding is continued",
      headers: { "x-forwarded-for": "10.0.0.1, 10.0.0.2", "x-forwarded-host": "front" },
      want: { "x-forwarded-for": ["10.0.0.1, 10.0.0.2, 127.0.0.1"], "x-forwarded-host": ["front"] },
    },
  ];
  for (const { name, headers, want } of cases) {
    test(name, async () => assert.deepEqual(await metadataFor(headers), { ...common, ...want }));
  }
});

suite("streams", () => {
  test("watch requests are taken one by one, responses are lines", async () => {
    let created = 0n;
    backend.behave = (call, event) => {
      if (event === "message") call.reply(WatchResponseSchema, { header, watchId: created++, created: true });
    };
    const req = gateway.open("/v3/watch");
    const { res, got, ended } = lines(req);
    req.end('{"create_request":{"key":"Zm9v","start_revision":"1"}} {"create_request":{"key":"YQ=="}}');
    const response = await res;
    await until(() => got.length === 2);
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers["content-type"], "application/json");
    assert.equal(response.headers["grpc-metadata-content-type"], "application/grpc");
    assert.equal(response.headers["transfer-encoding"], "chunked");
    assert.deepEqual(got, [
      `{"result":{${jsonHeader},"created":true}}`,
      `{"result":{${jsonHeader},"watch_id":"1","created":true}}`,
    ]);
    assert.ok(backend.last.isHalfClosed);
    const event = { type: 1, kv: { key: Buffer.from("<a>"), modRevision: 9n } } as const;
    backend.last.reply(WatchResponseSchema, { header, events: [event], cancelReason: "<&>" });
    await until(() => got.length === 3);
    assert.equal(
      got[2],
      `{"result":{${jsonHeader},"cancel_reason":"\\u003c\\u0026\\u003e","events":[{"type":"DELETE","kv":{"key":"PGE+","mod_revision":"9"}}]}}`,
    );
    assert.ok(!ended());
    req.destroy();
    await until(() => backend.last.isCanceled);
  });

  test("each message is one chunk, however large it is and however many come at once", async (t) => {
    const value = Buffer.alloc(400_000, "v");
    backend.behave = (call, event) => {
      if (event !== "message") return;
      call.reply(WatchResponseSchema, { created: true });
      call.reply(WatchResponseSchema, { watchId: 1n, created: true });
      const small = { kv: { key: Buffer.from("a") } };
      call.reply(WatchResponseSchema, { events: [{ kv: { key: Buffer.from("b"), value } }, small] });
      call.reply(WatchResponseSchema, { events: Array.from({ length: 5_000 }, () => small) });
      call.reply(WatchResponseSchema, { events: [small] });
      call.end(14, "gone");
    };
    const socket = net.connect(gateway.port, "127.0.0.1");
    t.after(() => socket.destroy());
    const body = '{"create_request":{"key":"Yg=="}}';
    socket.write(`POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    await until(() => received.at(-1)?.toString().endsWith("0\r\n\r\n") === true);
    const texts = chunksOf(Buffer.concat(received).toString());
    assert.ok(texts.every((text) => text.indexOf("\n") === text.length - 1));
    const messages = texts.map((text) => JSON.parse(text));
    assert.equal(messages.length, 6);
    assert.equal(messages[2].result.events[0].kv.value, value.toString("base64"));
    assert.equal(messages[3].result.events.length, 5_000);
    assert.equal(messages[5].error.message, "gone");
  });

  test("garbage closes the request side and nothing else", async () => {
    backend.behave = (call, event) => {
      if (event === "message") call.reply(WatchResponseSchema, { created: true });
    };
    for (const garbage of [
      "x",
      "[]",
      '{"create_request":7}',
      '{"create_request"',
      '{"cancel_request":{},"create_request":{}}',
    ]) {
      const req = gateway.open("/v3/watch");
      const { res, got, ended } = lines(req);
      req.end(`{"create_request":{}} ${garbage} {"create_request":{}}`);
      await res;
      await until(() => backend.last.isHalfClosed && got.length === 1);
      assert.equal(backend.last.sent.length, 1);
      backend.last.reply(WatchResponseSchema, { watchId: 5n });
      await until(() => got.length === 2);
      assert.ok(!ended());
      req.destroy();
      await until(() => backend.last.isCanceled);
    }
  });

  for (const body of ["", "garbage"]) {
    test(`a watch whose body is "${body}" waits without an answer`, async () => {
      const req = gateway.open("/v3/watch");
      let isAnswered = false;
      req.on("error", () => {});
      req.on("response", () => {
        isAnswered = true;
      });
      req.end(body);
      await until(() => backend.calls.length === 1 && backend.last.isHalfClosed);
      assert.deepEqual(backend.last.sent, []);
      assert.ok(!isAnswered);
      req.destroy();
      await until(() => backend.last.isCanceled);
    });
  }

  const keepAlive = (call: FakeCall, event: FakeEvent): void => {
    if (event === "halfClose") call.end();
    if (event !== "message") return;
    const { ID } = call.request(LeaseKeepAliveRequestSchema);
    call.reply(LeaseKeepAliveResponseSchema, { header, ID, TTL: ID === 99n ? 0n : 30n });
  };
  const keepAlives = [
    { body: '{"ID":"7587"}', want: [`{"result":{${jsonHeader},"ID":"7587","TTL":"30"}}`] },
    { body: '{"ID":"99"}', want: [`{"result":{${jsonHeader},"ID":"99"}}`] },
    {
      body: '{"ID":1}{"ID":2}',
      want: [
        `{"result":{${jsonHeader},"ID":"1","TTL":"30"}}`,
        `{"result":{${jsonHeader},"ID":"2","TTL":"30"}}`,
      ],
    },
    { body: "", want: [] },
    { body: "garbage", want: [] },
  ];
  for (const { body, want } of keepAlives) {
    test(`keeping alive ${body === "" ? "nothing" : body} ends with the body`, async () => {
      backend.behave = keepAlive;
      const answer = await gateway.ask("/v3/lease/keepalive", body);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body.split("\n").slice(0, -1), want);
    });
  }

  test("an error before the first message is a wrapped line with its status", async () => {
    backend.behave = (call, event) => {
      if (event === "message") call.end(16, "etcdserver: <invalid>");
    };
    const answer = await gateway.ask("/v3/watch", "{}");
    assert.equal(answer.status, 401);
    assert.equal(answer.body, '{"error":{"code":16,"message":"etcdserver: \\u003cinvalid\\u003e"}}\n');
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.headers["grpc-metadata-content-type"], undefined);
  });

  test("an error after the first message is a last line", async () => {
    backend.behave = (call, event) => {
      if (event !== "halfClose") return;
      call.reply(SnapshotResponseSchema, { remainingBytes: 5n, blob: Buffer.from("abc"), version: "3.7.1" });
      call.end(14, "etcdserver: no leader");
    };
    const answer = await gateway.ask("/v3/maintenance/snapshot", "{}");
    assert.equal(answer.status, 200);
    assert.equal(
      answer.body,
      '{"result":{"remaining_bytes":"5","blob":"YWJj","version":"3.7.1"}}\n{"error":{"code":14,"message":"etcdserver: no leader"}}\n',
    );
  });

  test("a call that ends before it has begun is answered all the same", async () => {
    backend.behave = (call, event) => {
      if (event === "start") call.end(9, "etcdserver: not capable");
    };
    const answer = await gateway.ask("/v3/watch", '{"create_request":{}}');
    assert.deepEqual(
      [answer.status, answer.body],
      [400, '{"error":{"code":9,"message":"etcdserver: not capable"}}\n'],
    );
    const unary = await gateway.ask("/v3/kv/put", "{}");
    assert.deepEqual([unary.status, unary.body], [400, '{"code":9,"message":"etcdserver: not capable"}']);
  });

  test("a message too large for gRPC ends a stream", async () => {
    const value = Buffer.alloc(2_200_000).toString("base64");
    const answer = await gateway.ask("/v3/watch", JSON.stringify({ create_request: { key: value } }));
    assert.equal(answer.status, 429);
    assert.match(
      answer.body,
      /^\{"error":\{"code":8,"message":"grpc: received message larger than max \(2200010 vs. 2097152\)"\}\}\n$/,
    );
    assert.ok(backend.last.isCanceled);
  });

  test("a slow reader makes the backend pause, and resume when it reads", async () => {
    const blob = new Uint8Array(64 * 1024).fill(1);
    let sent = 0;
    const pump = (call: FakeCall): void => {
      while (call.pauses === call.resumes && sent < 400) {
        sent++;
        call.reply(SnapshotResponseSchema, { blob });
      }
      if (sent === 400) call.end();
    };
    backend.behave = (call, event) => {
      if (event === "halfClose") pump(call);
      if (event === "resume") setImmediate(() => pump(call));
    };
    const req = gateway.open("/v3/maintenance/snapshot");
    const response = new Promise<http.IncomingMessage>((resolve) => req.on("response", resolve));
    req.end("{}");
    const res = await response;
    res.pause();
    await until(() => backend.last.pauses > backend.last.resumes);
    assert.ok(sent < 400, `${sent} messages before the pause`);
    let bytes = 0;
    for await (const chunk of res) bytes += (chunk as Buffer).length;
    const line = '{"result":{"blob":""}}\n'.length + Math.ceil(blob.length / 3) * 4;
    assert.equal(bytes, 400 * line);
    assert.ok(backend.last.resumes >= 1);
  });

  test("a client whose requests the call does not want yet is held back, and goes on later", async () => {
    const key = "b".repeat(100_000);
    const total = 400;
    backend.behave = (call, event) => {
      if (event === "message" && call.sent.length === 1) call.pauseReading();
    };
    const req = gateway.open("/v3/watch");
    req.on("error", () => {});
    const body = `{"create_request":{"key":"${key}"}}`;
    for (let i = 0; i < total; i++) req.write(body);
    await until(() => backend.calls.length === 1 && backend.last.sent.length === 1);
    // What the two sockets hold is a fraction of it.
    let left = req.writableLength;
    for (let still = 0; still < 20; still++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (req.writableLength !== left) still = 0;
      left = req.writableLength;
    }
    assert.ok(left > (total * body.length) / 2, `${left} of ${total * body.length} bytes`);
    assert.equal(backend.last.sent.length, 1);
    backend.last.resumeReading();
    await until(() => backend.last.sent.length === total);
    req.destroy();
    await until(() => backend.last.isCanceled);
  });

  test("a request message is decoded like any other", async () => {
    backend.behave = (call, event) => {
      if (event === "message") call.end();
    };
    await gateway.ask("/v3/watch", '{"cancelRequest":{"watchId":-1}}');
    const { requestUnion } = backend.last.request(WatchRequestSchema);
    assert.equal(requestUnion.case, "cancelRequest");
    assert.ok(requestUnion.case === "cancelRequest" && requestUnion.value.watchId === -1n);
  });
});

test("many small requests of a stream are taken in turns, and all of them", async () => {
  let soons = 0;
  const clock: typeof realClock = Object.create(realClock);
  clock.soon = (callback) =>
    realClock.soon(() => {
      soons++;
      callback();
    });
  await using own = await TestGateway.start({ clock });
  const perTurn = new Map<number, number>();
  own.backend.behave = (_, event) => {
    if (event === "message") perTurn.set(soons, (perTurn.get(soons) ?? 0) + 1);
    if (event === "halfClose") own.backend.last.end();
  };
  const total = 5_000;
  await own.ask("/v3/lease/keepalive", '{"ID":"1"}'.repeat(total));
  assert.equal(own.backend.last.sent.length, total);
  const most = Math.max(...perTurn.values());
  assert.ok(most <= 64, `${most} in one turn`);
});

test("what is not under /v3/ is not the gateway's, but gets the CORS headers", async () => {
  for (const path of ["/", "/health", "/v3alpha/kv/range", "/v3%2Fkv/range"]) {
    const answer = await gateway.ask(path);
    assert.equal(answer.status, 299, path);
    assert.equal(answer.headers["access-control-allow-origin"], "*");
  }
});

test("closing ends what is under way", async () => {
  await using own = await TestGateway.start();
  own.backend.behave = (call, event) => {
    if (event === "message") call.reply(WatchResponseSchema, { created: true });
  };
  const req = own.open("/v3/watch");
  const { res, got, ended } = lines(req);
  req.end('{"create_request":{}}');
  await res;
  await until(() => got.length === 1);
  own.gateway.close();
  await until(ended);
  assert.ok(own.backend.last.isCanceled);
  assert.deepEqual(JSON.parse(got[1]!), { error: { code: 14, message: "etcdserver: server stopped" } });
});
