import assert from "node:assert/strict";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { ManualClock } from "@quorate/testkit/clock";
import { listenOnFreePort } from "@quorate/testkit/ports";
import type { ApiContext } from "../api/context.ts";
import { RequestError } from "../errors.ts";
import { Lessor } from "../lease/lessor.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import { peerEndpoints } from "./endpoints.ts";

const PLAIN = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
const CLUSTER = { "x-etcd-cluster-id": "1000" };
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A peer listener over parts that tests can turn as they like. */
class Harness {
  readonly clock = new ManualClock();
  readonly backend = new MemoryBackend({ clock: this.clock });
  readonly lessor = new Lessor({
    clock: this.clock,
    backend: this.backend,
    proposals: { proposeRevoke: () => {}, proposeCheckpoint: async () => {} },
    minimumTtlSeconds: 2,
    electionTimeoutMs: 0,
    pauseMs: 300,
    requestTimeoutMs: 7000,
    checkpoints: false,
    hashSeed: 1,
  });
  readonly consensus = {
    committedIndex: 5,
    appliedIndex: 5,
    isLeader: true,
    catchesUp: true,
    readError: undefined as Error | undefined,
    entryEnded: () => Promise.resolve(),
    waitApplied: async () => this.consensus.catchesUp,
    linearizable: async () => {
      if (this.consensus.readError !== undefined) throw this.consensus.readError;
    },
  };
  readonly membership = {
    clusterId: 0x1000n,
    version: "3.7.0",
    members: [
      {
        id: 13195394291058371180n,
        peerUrls: ["http://127.0.0.1:2380"],
        isLearner: false,
        name: "a<b",
        clientUrls: ["http://127.0.0.1:2379"],
      },
      {
        id: 443629905751424238n,
        peerUrls: ["http://127.0.0.1:32380"],
        isLearner: true,
        name: "",
        clientUrls: [],
      },
    ],
    downgrade: { enabled: false, targetVersion: "" },
  };
  readonly asked: number[] = [];
  readonly store = {
    hashKv: async (revision: number) => {
      this.asked.push(revision);
      if (revision > 6) throw new RequestError("FUTURE_REVISION");
      if (revision === 1) throw new RequestError("COMPACTED");
      return { hash: 1551057754, compactRevision: -1, hashRevision: revision || 6, currentRevision: 6 };
    },
  };
  /** The least free parts of a file that defragmentations were to begin at. */
  readonly begun: number[] = [];
  readonly defragmentation = {
    run: async (freePercent: number) => void this.begun.push(freePercent),
    get progress() {
      return { running: false, outcome: "defragmented", sizeBefore: 100, size: 40 };
    },
  };
  #server: http.Server | undefined;
  port = 0;

  static async start(t: TestContext): Promise<Harness> {
    const harness = new Harness();
    const log = {
      warn: () => {},
      error: (message: string, fields: object) => assert.fail(`${message} ${JSON.stringify(fields)}`),
    };
    const { lessor, consensus, membership, store, backend } = harness;
    const { defragmentation } = harness;
    const context = { lessor, consensus, membership, store, backend, log, defragmentation };
    const server = http.createServer(peerEndpoints(context as unknown as ApiContext));
    harness.#server = server;
    await listenOnFreePort(server);
    harness.port = (server.address() as AddressInfo).port;
    t.after(() => harness.#server?.closeAllConnections());
    t.after(() => harness.#server?.close());
    return harness;
  }

  ask(
    method: string,
    path: string,
    body?: Uint8Array | string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const request = http.request({
        host: "127.0.0.1",
        port: this.port,
        method,
        path,
        headers: { ...headers, ...length },
        agent: false,
      });
      request.on("error", reject);
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      });
      request.end(body);
    });
  }
}

function check(
  answer: Answer,
  status: number,
  body: string | Uint8Array,
  headers: Record<string, string>,
): void {
  assert.deepEqual(
    { status: answer.status, body: answer.body.toString("latin1") },
    { status, body: Buffer.from(body as string).toString("latin1") },
  );
  for (const [name, value] of Object.entries(headers)) assert.equal(answer.headers[name], value, name);
}

const MEMBERS =
  '[{"id":443629905751424238,"peerURLs":["http://127.0.0.1:32380"],"isLearner":true},' +
  '{"id":13195394291058371180,"peerURLs":["http://127.0.0.1:2380"],"name":"a\\u003cb","clientURLs":["http://127.0.0.1:2379"]}]\n';

const table: {
  request: [method: string, path: string, body?: Uint8Array | string, headers?: Record<string, string>];
  want: [status: number, body: string | Uint8Array, headers: Record<string, string>];
}[] = [
  { request: ["GET", "/members"], want: [200, MEMBERS, { ...CLUSTER, "content-type": "application/json" }] },
  { request: ["GET", "/members?x=1"], want: [200, MEMBERS, CLUSTER] },
  { request: ["POST", "/members"], want: [405, "Method Not Allowed\n", { ...PLAIN, allow: "GET" }] },
  { request: ["HEAD", "/members"], want: [405, "", { allow: "GET" }] },
  { request: ["GET", "/members/"], want: [404, "404 page not found\n", PLAIN] },
  { request: ["GET", "/"], want: [404, "404 page not found\n", PLAIN] },
  { request: ["GET", "/health"], want: [404, "404 page not found\n", PLAIN] },
  { request: ["POST", "/leases/foo", hex("0807")], want: [404, "404 page not found\n", PLAIN] },
  { request: ["GET", "/%zz"], want: [404, "404 page not found\n", PLAIN] },

  {
    request: ["GET", "/version"],
    want: [
      200,
      `{"etcdserver":"${COMPATIBLE_VERSION}","etcdcluster":"3.7.0","storage":"unknown"}`,
      { "content-type": "application/json" },
    ],
  },
  { request: ["PUT", "/version"], want: [405, "Method Not Allowed\n", { ...PLAIN, allow: "GET" }] },
  { request: ["HEAD", "/version"], want: [405, "", { allow: "GET" }] },

  {
    request: ["GET", "/downgrade/enabled"],
    want: [200, "false", { ...CLUSTER, "content-type": "text/plain" }],
  },
  {
    request: ["POST", "/downgrade/enabled"],
    want: [405, "Method Not Allowed\n", { ...PLAIN, allow: "GET" }],
  },

  {
    request: ["POST", "/members/promote/xyz"],
    want: [404, "member xyz not found in cluster\n", { ...PLAIN, ...CLUSTER }],
  },
  {
    request: ["GET", "/members/promote/12"],
    want: [405, "Method Not Allowed\n", { ...PLAIN, allow: "POST" }],
  },

  {
    request: ["GET", "/members/hashkv", "{}"],
    want: [
      200,
      '{"header":{"revision":6},"hash":1551057754,"compact_revision":-1,"hash_revision":6}',
      { ...CLUSTER, "content-type": "application/json" },
    ],
  },
  {
    request: ["GET", "/members/hashkv", '{"revision":5,"more":[1.5]}', CLUSTER],
    want: [200, '{"header":{"revision":6},"hash":1551057754,"compact_revision":-1,"hash_revision":5}', {}],
  },
  {
    request: ["GET", "/members/hashkv", '{"revision":9999}'],
    want: [400, "mvcc: required revision is a future revision\n", PLAIN],
  },
  {
    request: ["GET", "/members/hashkv", '{"revision":1}'],
    want: [400, "mvcc: required revision has been compacted\n", PLAIN],
  },
  { request: ["GET", "/members/hashkv"], want: [400, "error unmarshalling request\n", PLAIN] },
  {
    request: ["GET", "/members/hashkv", '{"revision":"5"}'],
    want: [400, "error unmarshalling request\n", PLAIN],
  },
  {
    request: ["GET", "/members/hashkv", '{"revision":1e0}'],
    want: [400, "error unmarshalling request\n", PLAIN],
  },
  {
    request: ["GET", "/members/hashkv", '{"revision":9223372036854775808}'],
    want: [400, "error unmarshalling request\n", PLAIN],
  },
  { request: ["GET", "/members/hashkv", "[1]"], want: [400, "error unmarshalling request\n", PLAIN] },
  { request: ["GET", "/members/hashkv", " ".repeat(65_537)], want: [400, "error reading body\n", PLAIN] },
  {
    request: ["GET", "/members/hashkv", "{}", { "X-Etcd-Cluster-ID": "1" }],
    want: [412, "cluster ID mismatch\n", PLAIN],
  },
  {
    request: ["POST", "/members/hashkv", "{}", { "X-Etcd-Cluster-ID": "1" }],
    want: [405, "Method Not Allowed\n", { ...PLAIN, allow: "GET" }],
  },

  {
    request: ["POST", "/leases", hex("08 07")],
    want: [200, hex("10 07 18 64"), { "content-type": "application/protobuf" }],
  },
  {
    request: ["POST", "/leases/internal", hex("0a 04 08 07 10 01")],
    want: [
      200,
      hex("0a 10 0a 00 10 07 18 63 20 64 2a 02 5a 7a 2a 02 7a 7a"),
      { "content-type": "application/protobuf" },
    ],
  },
  {
    request: ["POST", "/leases/internal", hex("0a 02 08 07")],
    want: [200, hex("0a 08 0a 00 10 07 18 63 20 64"), {}],
  },
  { request: ["POST", "/leases", hex("08 09")], want: [404, "lease not found\n", PLAIN] },
  { request: ["POST", "/leases/internal", hex("0a 02 08 09")], want: [404, "lease not found\n", PLAIN] },
  { request: ["POST", "/leases/internal", ""], want: [400, "error unmarshalling request\n", PLAIN] },
];
for (const path of ["/leases", "/leases/internal"]) {
  table.push(
    { request: ["GET", path], want: [405, "Method Not Allowed\n", PLAIN] },
    { request: ["POST", path, hex("ff ff")], want: [400, "error unmarshalling request\n", PLAIN] },
    { request: ["POST", path, new Uint8Array(65_537)], want: [413, "request body too large\n", PLAIN] },
  );
}

for (const { request, want } of table) {
  const [method, path, body, headers] = request;
  const shown = typeof body === "string" ? body.slice(0, 40) : Buffer.from(body ?? []).toString("hex", 0, 20);
  test(`${method} ${path} ${shown} ${JSON.stringify(headers ?? {})} is answered with ${want[0]}`, async (t) => {
    const harness = await Harness.start(t);
    harness.lessor.applyGrant(7n, 100);
    for (const key of ["zz", "Zz"]) harness.lessor.attach(Buffer.from(key), 7n);
    harness.lessor.promote();
    harness.clock.advance(1);
    const answer = await harness.ask(...request);
    check({ ...answer, body: sortKeys(answer.body) }, ...want);
    if (want[0] === 405 && path.startsWith("/leases")) assert.equal(answer.headers.allow, undefined);
    if (want[0] === 405) assert.equal(answer.headers["x-etcd-cluster-id"], undefined);
  });
}

/** The keys, which come in any order, end the message: two of equal length here. */
function sortKeys(body: Buffer): Buffer {
  const at = body.indexOf(hex("2a 02 7a 7a 2a 02 5a 7a"));
  return at < 0 ? body : Buffer.concat([body.subarray(0, at), hex("2a 02 5a 7a 2a 02 7a 7a")]);
}

test("what is left of an expired lease is 0, and comes without the field", async (t) => {
  const harness = await Harness.start(t);
  const { lessor, clock } = harness;
  lessor.applyGrant(7n, 100);
  lessor.promote();
  clock.advance(100_500);
  check(
    await harness.ask("POST", "/leases/internal", hex("0a 02 08 07")),
    200,
    hex("0a 06 0a 00 10 07 20 64"),
    {},
  );
});

test("a member that has not applied what it knows to be committed asks to come again", async (t) => {
  const harness = await Harness.start(t);
  harness.consensus.appliedIndex = 4;
  harness.consensus.catchesUp = false;
  for (const [path, body] of [
    ["/leases", "08 09"],
    ["/leases/internal", "0a 02 08 09"],
  ] as const) {
    const answer = await harness.ask("POST", path, hex(body));
    check(answer, 408, "waiting for node to catch up its applied index has timed out\n", PLAIN);
  }
  harness.consensus.catchesUp = true;
  check(
    await harness.ask("POST", "/leases/internal", hex("0a 02 08 09")),
    500,
    "not a primary lessor\n",
    PLAIN,
  );
});

test("a member that is not the lessor says so, and does not say that a lease is gone", async (t) => {
  const harness = await Harness.start(t);
  harness.consensus.isLeader = false;
  harness.lessor.applyGrant(7n, 100);
  check(await harness.ask("POST", "/leases", hex("08 07")), 400, "not a primary lessor\n", PLAIN);
  check(await harness.ask("POST", "/leases", hex("08 09")), 400, "not a primary lessor\n", PLAIN);
  check(
    await harness.ask("POST", "/leases/internal", hex("0a 02 08 07")),
    500,
    "not a primary lessor\n",
    PLAIN,
  );
  check(await harness.ask("POST", "/leases/internal", hex("0a 02 08 09")), 404, "lease not found\n", PLAIN);
});

test("the renewal of an expired lease is answered when its revoke has been applied", async (t) => {
  const harness = await Harness.start(t);
  const { lessor, clock } = harness;
  lessor.applyGrant(7n, 2);
  lessor.promote();
  clock.advance(3_000);
  let answered = false;
  const answer = harness.ask("POST", "/leases", hex("08 07")).finally(() => {
    answered = true;
  });
  // Another request that came after it is not held up.
  check(await harness.ask("POST", "/leases", hex("08 09")), 404, "lease not found\n", PLAIN);
  assert.equal(answered, false);
  lessor.applyRevoke(7n);
  check(await answer, 404, "lease not found\n", PLAIN);
});

test("whether a downgrade goes on is asked of the whole cluster", async (t) => {
  const harness = await Harness.start(t);
  harness.membership.downgrade.enabled = true;
  check(await harness.ask("GET", "/downgrade/enabled"), 200, "true", CLUSTER);
  harness.consensus.readError = new Error("etcdserver: request timed out");
  const text = "failed linearized read: etcdserver: request timed out\n";
  check(await harness.ask("GET", "/downgrade/enabled"), 500, text, { ...PLAIN, ...CLUSTER });
});

test("revisions that no double can hold are not rounded into others", async (t) => {
  const harness = await Harness.start(t);
  await harness.ask("GET", "/members/hashkv", '{"Revision":9223372036854775807}');
  await harness.ask("GET", "/members/hashkv", '{"revision":-9223372036854775808}');
  await harness.ask("GET", "/members/hashkv", '{"revision":null}');
  assert.deepEqual(harness.asked, [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0]);
});

test("clients that go away in the middle of a body leave the listener as it was", async (t) => {
  const harness = await Harness.start(t);
  for (const head of ["POST /leases", "POST /leases/internal", "GET /members/hashkv"]) {
    const socket = net.connect(harness.port, "127.0.0.1");
    await new Promise<void>((resolve) =>
      socket.write(`${head} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab`, () => resolve()),
    );
    socket.resetAndDestroy();
  }
  check(await harness.ask("GET", "/members"), 200, MEMBERS, CLUSTER);
});

const DEFRAGMENT = "/maintenance/defragment";
const defragmentRequests: {
  name: string;
  method: string;
  body?: string;
  headers?: Record<string, string>;
  status: number;
  begun?: number[];
}[] = [
  { name: "begins a defragmentation", method: "POST", body: '{"freePercent":50}', status: 200, begun: [50] },
  { name: "is told how far it is", method: "GET", status: 200 },
  { name: "that says nothing begins nothing", method: "POST", body: "{}", status: 400 },
  {
    name: "with a part of more than all begins nothing",
    method: "POST",
    body: '{"freePercent":101}',
    status: 400,
  },
  { name: "with a body that is no JSON begins nothing", method: "POST", body: "x", status: 400 },
  { name: "with a long body begins nothing", method: "POST", body: "x".repeat(2_000), status: 400 },
  {
    name: "of another cluster is refused",
    method: "POST",
    headers: { "x-etcd-cluster-id": "2000" },
    status: 412,
  },
  { name: "of nobody's cluster is refused", method: "POST", headers: {}, status: 412 },
  { name: "by another method is refused", method: "PUT", status: 405 },
];
for (const { name, method, body, headers = CLUSTER, status, begun = [] } of defragmentRequests) {
  test(`a request about a defragmentation ${name}`, async (t) => {
    const harness = await Harness.start(t);
    const answer = await harness.ask(method, DEFRAGMENT, body, headers);
    assert.equal(answer.status, status);
    assert.deepEqual(harness.begun, begun);
    if (status !== 200) return;
    const progress = { running: false, outcome: "defragmented", sizeBefore: 100, size: 40 };
    assert.deepEqual(JSON.parse(answer.body.toString()), progress);
  });
}
