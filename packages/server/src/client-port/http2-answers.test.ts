import assert from "node:assert/strict";
import http2 from "node:http2";
import type net from "node:net";
import test, { type TestContext } from "node:test";
import { GrpcServer, type HttpExchange, serve } from "@quorate/rpc/server";
import { realClock } from "@quorate/storage/seams/real-clock";
import { until } from "@quorate/testkit/wait";
import { decode, encode } from "@quorate/wire";
import { RangeRequestSchema, RangeResponseSchema, WatchResponseSchema } from "@quorate/wire/etcdserverpb";
import type { ApiContext } from "../api/context.ts";
import { silentLogger } from "../log/logger.ts";
import { makeCertificate } from "../tls/testing.ts";
import type { Observation } from "./endpoints.ts";
import { FakeBackend, type FakeCall } from "./gateway/fake-backend.testing.ts";
import { createGateway } from "./gateway/gateway.ts";
import { RequestDefects } from "./request-defects.ts";
import { createClientHttp } from "./servers.ts";

const MiB = 1024 * 1024;
const MAX_REQUEST_BYTES = 1024;
/** What long answers of a connection may hold before further ones wait. */
const ROOM_BYTES = 64 * (MAX_REQUEST_BYTES + MiB / 2);
const PART_BYTES = MiB;
const PARTS = 8;
const RANGES = 8;
/** Text of an answer that is made before its client reads: what the windows take, and what the queue does. */
const MOST_TEXT_BYTES = 65_535 + 64 * 1024 + 2 * 64 * 1024;
const EVENT_BYTES = 100_000;

/** The parts of an answer, as a range makes them: each is a key with its value. */
function partsOf(seed: number): Uint8Array[] {
  return Array.from({ length: PARTS }, (_, i) =>
    encode(RangeResponseSchema, {
      kvs: [{ key: Buffer.from(`${seed}/${i}`), value: new Uint8Array(PART_BYTES).fill(seed + i) }],
    }),
  );
}

async function setUp(t: TestContext, isSecure: boolean) {
  const backend = new FakeBackend();
  /** Of answers: the bytes that are held, and how many have been made. */
  const held = { bytes: 0, most: 0, made: 0 };
  /** Text that has been written, by path and in the order of the requests. */
  const written: { readonly path: string; bytes: number }[] = [];
  const sendEvents = (call: FakeCall) => {
    while (call.pauses === call.resumes && call.sentEvents < 200) {
      const value = new Uint8Array(EVENT_BYTES).fill(call.sentEvents);
      call.sentEvents++;
      call.reply(WatchResponseSchema, { events: [{ kv: { value } }] });
    }
  };
  backend.behave = (call, event) => {
    if (call.path.endsWith("/Watch")) {
      if (event === "message" || event === "resume") sendEvents(call);
      return;
    }
    if (event !== "halfClose") return;
    const seed = call.request(RangeRequestSchema).limit;
    if (seed === 0n) {
      call.replyAndEnd(RangeResponseSchema, { count: 7n });
      return;
    }
    call.whenAnswerRoom(() => {
      held.made++;
      for (const part of partsOf(Number(seed))) held.bytes += part.length;
      held.most = Math.max(held.most, held.bytes);
      call.replyInParts(partsOf(Number(seed)), (part) => {
        held.bytes -= part.length;
      });
      call.end();
    });
  };
  const gateway = createGateway({
    backend,
    clock: realClock,
    maxRequestBytes: MAX_REQUEST_BYTES,
    cors: [],
    hostWhitelist: [],
    clientCertAuth: false,
    isAuthEnabled: () => false,
    onDefect: (error) => assert.fail(String(error)),
  });
  const client = createClientHttp(
    { log: silentLogger } as unknown as ApiContext,
    async () => gateway,
    {} as Observation,
    new RequestDefects(silentLogger, () => {}),
  );
  const grpc = new GrpcServer({
    onHttpRequest: (exchange: HttpExchange) => {
      const count = { path: exchange.path, bytes: 0 };
      written.push(count);
      const write = exchange.write.bind(exchange);
      exchange.write = (chunk) => {
        count.bytes += chunk.length;
        return write(chunk);
      };
      client.onHttp2Request(exchange);
    },
  });
  const { certPem, keyPem } = makeCertificate({ commonName: "member", names: ["127.0.0.1"] });
  const listener = await serve({
    grpc,
    http: client.server,
    ...(isSecure ? { tls: { cert: certPem, key: keyPem } } : {}),
  });
  const { port } = listener.address as net.AddressInfo;
  const session = http2.connect(`${isSecure ? "https" : "http"}://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
  });
  session.on("error", () => {});
  t.after(async () => {
    session.destroy();
    client.close();
    await listener.close();
  });
  /** A request whose answer is not read. */
  const post = (path: string, body: string, ends = true) => {
    const stream = session.request({ ":method": "POST", ":path": path });
    stream.on("error", () => {});
    if (ends) stream.end(body);
    else stream.write(body);
    return stream;
  };
  const text = async (stream: http2.ClientHttp2Stream) =>
    Buffer.concat((await stream.toArray()) as Buffer[]).toString();
  return { backend, held, written, post, text, session };
}

for (const isSecure of [false, true]) {
  test(`answers over HTTP/2 that nobody reads hold a bounded amount, and come whole later (${isSecure ? "TLS" : "plain"})`, async (t) => {
    const { backend, held, written, post, text, session } = await setUp(t, isSecure);
    const ranges = Array.from({ length: RANGES }, (_, i) =>
      post("/v3/kv/range", JSON.stringify({ key: "AA==", range_end: "AA==", limit: i + 1 })),
    );
    const watch = post("/v3/watch", '{"create_request":{}}', false);
    await until(() => backend.calls.length === RANGES + 1);
    const watchCall = backend.calls.find(({ path }) => path.endsWith("/Watch"))!;
    await until(() => watchCall.pauses === 1);
    // All others are served, on the same connection.
    for (let i = 0; i < 10; i++) {
      assert.equal(await text(post("/v3/kv/range", '{"key":"YQ=="}')), '{"count":"7"}');
    }
    if (isSecure) assert.equal(session.alpnProtocol, "h2");
    const answerBytes = PARTS * PART_BYTES;
    assert.ok(held.made < RANGES, `all ${held.made} answers were made`);
    assert.ok(held.bytes > ROOM_BYTES && held.bytes <= ROOM_BYTES + answerBytes * 1.01, `${held.bytes}`);
    for (const { path, bytes } of written) assert.ok(bytes <= MOST_TEXT_BYTES * 3, `${bytes} of ${path}`);
    assert.ok(watchCall.sentEvents * EVENT_BYTES < 2 * MiB, `${watchCall.sentEvents} events`);

    for (const [i, range] of ranges.entries()) {
      const { kvs } = JSON.parse(await text(range)) as { kvs: { key: string; value: string }[] };
      const want = partsOf(i + 1).map((part) => decode(RangeResponseSchema, part).kvs[0]!);
      assert.deepEqual(
        kvs.map(({ key, value }) => [key, Buffer.from(value, "base64").compare(want.shift()!.value)]),
        Array.from({ length: PARTS }, (_, n) => [Buffer.from(`${i + 1}/${n}`).toString("base64"), 0]),
      );
    }
    assert.equal(held.made, RANGES);
    assert.equal(held.bytes, 0);
    assert.ok(held.most <= ROOM_BYTES + answerBytes * 1.01, `${held.most}`);

    let lines = 0;
    let rest = "";
    for await (const chunk of watch) {
      const parts = (rest + String(chunk)).split("\n");
      rest = parts.pop()!;
      for (const line of parts) {
        const { events } = JSON.parse(line).result as { events: { kv: { value: string } }[] };
        const value = Buffer.from(events[0]!.kv.value, "base64");
        assert.equal(value.length, EVENT_BYTES);
        assert.equal(value[0], lines++ & 0xff);
      }
      if (lines === 200) break;
    }
    assert.equal(lines, 200);
  });
}

test("an answer that waits for room is not made for a client that has gone", async (t) => {
  const { backend, held, post, text } = await setUp(t, false);
  const ranges = Array.from({ length: RANGES }, (_, i) =>
    post("/v3/kv/range", JSON.stringify({ key: "AA==", limit: i + 1 })),
  );
  await until(() => backend.calls.length === RANGES && held.bytes > ROOM_BYTES);
  const { made } = held;
  // Those that wait go first: the others make room.
  for (const range of ranges.reverse()) range.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => held.bytes === 0);
  assert.equal(await text(post("/v3/kv/range", '{"key":"YQ=="}')), '{"count":"7"}');
  assert.equal(held.made, made);
  // And there is room again.
  const { kvs } = JSON.parse(await text(post("/v3/kv/range", '{"key":"AA==","limit":9}'))) as {
    kvs: unknown[];
  };
  assert.equal(kvs.length, PARTS);
});
