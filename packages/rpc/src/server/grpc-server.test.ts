import assert from "node:assert/strict";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { GrpcClient } from "../client/grpc-client.ts";
import type { ServerCall } from "../grpc/call.ts";
import { Code, GrpcError, type GrpcStatus } from "../grpc/status.ts";
import { ENHANCE_YOUR_CALM, FLAG_END_STREAM, FRAME_RST_STREAM, NO_ERROR } from "../http2/protocol.ts";
import { MemoryLink } from "../testing/memory-link.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { GrpcServer, type GrpcServerOptions } from "./grpc-server.ts";

const PEER = { address: "test", port: 1 };
const ECHO = "/test.Service/Echo";
const STREAM = "/test.Service/Stream";

function setUp(options: GrpcServerOptions = {}) {
  const clock = new ManualClock();
  const server = new GrpcServer({ clock: withCancelFunctions(clock), ...options });
  const calls: ServerCall[] = [];
  const heard: string[] = [];
  server.unary(ECHO, (message, call) => {
    calls.push(call);
    call.reply(message.slice());
  });
  server.unary("/test.Service/Later", (_message, call) => void calls.push(call));
  server.unary("/test.Service/LaterCancellable", (_message, call) => {
    calls.push(call);
    call.onCancel = (reason) => heard.push(reason);
  });
  server.unary("/test.Service/Throw", () => {
    throw new Error("a defect");
  });
  server.unary("/test.Service/Refuse", () => {
    throw new GrpcError(Code.FAILED_PRECONDITION, "not now");
  });
  server.stream(STREAM, (call) => {
    calls.push(call);
    call.onMessage = (message) => {
      heard.push(`message ${message.length}`);
      call.send(message.slice());
    };
    call.onHalfClose = () => {
      heard.push("half close");
      call.end();
    };
    call.onCancel = (reason) => heard.push(reason);
    call.onDrain = () => heard.push("drain");
  });
  server.stream("/test.Service/Source", (call) => void calls.push(call));
  const peer = new RawClient();
  return { clock, server, calls, heard, peer };
}

function connected(options: GrpcServerOptions = {}, ...settings: [number, number][]) {
  const all = setUp(options);
  all.server.attach(all.peer.open, PEER);
  all.peer.greet(...settings);
  return all;
}

function request(path: string, extra: [string, string][] = []): [string, string][] {
  return raw.grpcRequest(path, extra);
}

const refusals: {
  name: string;
  fields: [string, string][];
  body?: Uint8Array;
  want: Record<string, string>;
}[] = [
  {
    name: "an unknown service is UNIMPLEMENTED",
    fields: request("/other.Service/Echo"),
    want: { ":status": "200", "grpc-status": "12", "grpc-message": "unknown service other.Service" },
  },
  {
    name: "an unknown method is UNIMPLEMENTED",
    fields: request("/test.Service/Nothing"),
    want: { "grpc-status": "12", "grpc-message": "unknown method Nothing for service test.Service" },
  },
  {
    name: "a path without a method is UNIMPLEMENTED",
    fields: request("/nothing"),
    want: { "grpc-status": "12", "grpc-message": 'malformed method name: "/nothing"' },
  },
  {
    name: "another content type is answered with 415",
    fields: [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", ECHO],
      ["content-type", "text/plain"],
    ],
    want: {
      ":status": "415",
      "grpc-status": "3",
      "grpc-message": 'invalid gRPC request content-type "text/plain"',
    },
  },
  {
    name: "another method than POST is answered with 405",
    fields: [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", ECHO],
      ["content-type", "application/grpc"],
    ],
    want: { ":status": "405", "grpc-status": "13" },
  },
  {
    name: "a malformed timeout is answered with 400",
    fields: request(ECHO, [["grpc-timeout", "soon"]]),
    want: {
      ":status": "400",
      "grpc-status": "13",
      "grpc-message": 'malformed grpc-timeout: strconv.ParseUint: parsing "soo": invalid syntax',
    },
  },
  {
    name: "an encoding without a name is none",
    fields: request("/test.Service/Refuse", [["grpc-encoding", ""]]),
    body: raw.grpcMessage(new Uint8Array(1)),
    want: { "grpc-status": "9", "grpc-message": "not now" },
  },
  {
    name: "an encoding that nobody knows is UNIMPLEMENTED",
    fields: request(ECHO, [["grpc-encoding", "snappy"]]),
    want: {
      "grpc-status": "12",
      "grpc-message": 'grpc: Decompressor is not installed for grpc-encoding "snappy"',
    },
  },
  {
    name: "a message over the limit is RESOURCE_EXHAUSTED",
    fields: request(ECHO),
    body: raw.grpcMessage(new Uint8Array(1001)),
    want: { "grpc-status": "8", "grpc-message": "grpc: received message larger than max (1001 vs. 1000)" },
  },
  {
    name: "a compressed message without an encoding is INTERNAL",
    fields: request(ECHO),
    body: raw.grpcMessage(new Uint8Array(5), 1),
    want: {
      "grpc-status": "13",
      "grpc-message": "grpc: compressed flag set with identity or empty encoding",
    },
  },
  {
    name: "a flag that is neither 0 nor 1 is INTERNAL",
    fields: request(ECHO),
    body: raw.grpcMessage(new Uint8Array(5), 7),
    want: { "grpc-status": "13", "grpc-message": "grpc: received unexpected payload format 7" },
  },
  {
    name: "a gzip bomb is stopped at the limit",
    fields: request(ECHO, [["grpc-encoding", "gzip"]]),
    body: raw.grpcMessage(gzipSync(new Uint8Array(100_000)), 1),
    want: {
      "grpc-status": "8",
      "grpc-message": "grpc: received message after decompression larger than max 1000",
    },
  },
  {
    name: "a compressed message that is no gzip is INTERNAL",
    fields: request(ECHO, [["grpc-encoding", "gzip"]]),
    body: raw.grpcMessage(new Uint8Array(20), 1),
    want: { "grpc-status": "13", "grpc-message": "grpc: failed to decompress the received message" },
  },
  {
    name: "a message of a unary call that ends too early is UNKNOWN",
    fields: request(ECHO),
    body: raw.grpcMessage(new Uint8Array(20)).subarray(0, 15),
    want: { "grpc-status": "2", "grpc-message": "unexpected EOF" },
  },
  {
    name: "a message of a stream that ends too early is INTERNAL",
    fields: request("/test.Service/Stream"),
    body: raw.grpcMessage(new Uint8Array(20)).subarray(0, 15),
    want: { "grpc-status": "13", "grpc-message": "unexpected EOF" },
  },
  {
    name: "a unary call without a message is UNKNOWN",
    fields: request(ECHO),
    body: new Uint8Array(0),
    want: { "grpc-status": "2", "grpc-message": "EOF" },
  },
  {
    name: "a handler that throws fails its call with UNKNOWN",
    fields: request("/test.Service/Throw"),
    body: raw.grpcMessage(new Uint8Array(1)),
    want: { "grpc-status": "2", "grpc-message": "a defect" },
  },
  {
    name: "a handler that throws a GrpcError chooses the status",
    fields: request("/test.Service/Refuse"),
    body: raw.grpcMessage(new Uint8Array(1)),
    want: { "grpc-status": "9", "grpc-message": "not now" },
  },
];
for (const { name, fields, body, want } of refusals) {
  test(name, () => {
    const { peer } = connected({ maxReceiveMessageBytes: 1000 });
    peer.send(raw.headers(1, fields));
    if (body !== undefined) peer.send(raw.data(1, body, true));
    const { fields: answer } = peer.blocks[0]!;
    for (const [key, value] of Object.entries(want)) assert.equal(answer[key], value);
    assert.equal(peer.closed, false);
  });
}

test("a unary call is answered with header, message and trailers", () => {
  const { peer } = connected();
  const message = Uint8Array.of(1, 2, 3);
  peer.send(raw.headers(1, request(ECHO)), raw.data(1, raw.grpcMessage(message), true));
  assert.deepEqual(peer.body(1), raw.grpcMessage(message));
  assert.deepEqual(peer.blocks, [
    { id: 1, fields: { ":status": "200", "content-type": "application/grpc" } },
    { id: 1, fields: { "grpc-status": "0" } },
  ]);
});

test("a call arrives whole however its octets are cut", () => {
  for (const pieceBytes of [1, 2, 3, 7, 13, 100]) {
    const { peer } = connected();
    const octets = raw.concat(
      raw.headers(1, request(ECHO)),
      raw.data(1, raw.grpcMessage(new Uint8Array(300).fill(7)).subarray(0, 100)),
      raw.data(1, raw.grpcMessage(new Uint8Array(300).fill(7)).subarray(100), true),
    );
    for (let at = 0; at < octets.length; at += pieceBytes) peer.send(octets.slice(at, at + pieceBytes));
    assert.deepEqual(peer.body(1), raw.grpcMessage(new Uint8Array(300).fill(7)));
  }
});

test("two messages of a unary call fail it", () => {
  const { peer } = connected();
  const message = raw.grpcMessage(new Uint8Array(3));
  peer.send(raw.headers(1, request("/test.Service/Later")), raw.data(1, raw.concat(message, message), true));
  assert.equal(peer.blocks[0]?.fields["grpc-status"], "13");
});

test("a client that is answered before it ends its side gets RST_STREAM with NO_ERROR at the end of the turn", () => {
  const { peer } = connected();
  peer.send(raw.headers(1, request(ECHO)), raw.data(1, raw.grpcMessage(new Uint8Array(3))));
  assert.equal(peer.resetCode(1), NO_ERROR);
  peer.send(raw.data(1, new Uint8Array(0), true));
  assert.equal(peer.goAway(), undefined);
});

test("a client that ends its side in a frame of its own in the same turn is not reset", () => {
  const { peer } = connected();
  peer.send(
    raw.headers(1, request(ECHO)),
    raw.data(1, raw.grpcMessage(new Uint8Array(3))),
    raw.data(1, new Uint8Array(0), true),
  );
  assert.equal(peer.resetCode(1), undefined);
});

test("on expiry a handler without onCancel is answered for", () => {
  const { peer, clock, calls } = connected();
  peer.send(raw.headers(1, request("/test.Service/Later", [["grpc-timeout", "100m"]])));
  peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(1)), true));
  assert.equal(calls[0]?.deadlineMs, clock.nowMs() + 100);
  clock.advance(99);
  assert.equal(calls[0]?.ended, false);
  clock.advance(10);
  peer.flush();
  assert.equal(calls[0]?.ended, true);
  assert.equal(peer.blocks[0]?.fields["grpc-status"], "4");
  assert.equal(peer.blocks[0]?.fields["grpc-message"], "context deadline exceeded");
  calls[0]?.reply(new Uint8Array(1));
  peer.flush();
  assert.equal(peer.body(1).length, 0);
});

test("on expiry onCancel hears of the deadline, once", () => {
  const { peer, clock, heard } = connected();
  peer.send(raw.headers(1, request("/test.Service/LaterCancellable", [["grpc-timeout", "1S"]])));
  peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(1)), true));
  clock.advance(1010);
  peer.close();
  assert.deepEqual(heard, ["deadline"]);
});

test("RST_STREAM cancels a call", () => {
  const { peer, calls, heard } = connected();
  peer.send(raw.headers(1, request("/test.Service/LaterCancellable")));
  peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(1)), true), raw.reset(1));
  assert.deepEqual(heard, ["canceled"]);
  assert.equal(calls[0]?.ended, true);
});

test("losing the connection cancels its calls", () => {
  const { peer, heard } = connected();
  peer.send(raw.headers(1, request(STREAM)), raw.headers(3, request(STREAM)));
  peer.close();
  assert.deepEqual(heard, ["disconnected", "disconnected"]);
});

test("onCancel is not called after we have ended the call", () => {
  const { peer, calls, heard } = connected();
  peer.send(raw.headers(1, request("/test.Service/LaterCancellable")));
  peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(1)), true));
  calls[0]?.fail(Code.ABORTED, "enough");
  peer.close();
  assert.deepEqual(heard, []);
});

test("a bidirectional stream echoes until the client ends its side", () => {
  const { peer, heard } = connected();
  const message = raw.grpcMessage(new Uint8Array(4));
  peer.send(raw.headers(1, request(STREAM)), raw.data(1, raw.concat(message, message)));
  peer.send(raw.data(1, message), raw.data(1, new Uint8Array(0), true));
  assert.deepEqual(heard, ["message 4", "message 4", "message 4", "half close"]);
  assert.deepEqual(peer.body(1), raw.concat(message, message, message));
  assert.equal(peer.blocks.at(-1)?.fields["grpc-status"], "0");
});

test("client trailers end its side like an empty DATA frame", () => {
  const { peer, heard } = connected();
  peer.send(raw.headers(1, request(STREAM)), raw.headers(1, [["x-trailer", "1"]], 4 | FLAG_END_STREAM));
  assert.deepEqual(heard, ["half close"]);
});

test("metadata is read by name, with several values and as octets", () => {
  const { peer, calls } = connected();
  const extra: [string, string][] = [
    ["hasleader", "true"],
    ["many", "1"],
    ["many", "2"],
    ["trace-bin", "AQID,BA"],
  ];
  peer.send(raw.headers(1, request(ECHO, extra)), raw.data(1, raw.grpcMessage(new Uint8Array(1)), true));
  const call = calls[0]!;
  assert.equal(call.metadata("hasleader"), "true");
  assert.equal(call.metadata("absent"), undefined);
  assert.deepEqual(call.metadataValues("many"), ["1", "2"]);
  assert.deepEqual(Uint8Array.from(call.binaryMetadata("trace-bin")!), Uint8Array.of(1, 2, 3));
  assert.equal(call.path, ECHO);
  assert.equal(call.peer.address, "test");
});

test("headers and trailers that a handler sets are sent", () => {
  const { peer, calls } = connected();
  peer.send(
    raw.headers(1, request("/test.Service/Later")),
    raw.data(1, raw.grpcMessage(new Uint8Array(1)), true),
  );
  calls[0]!.setHeader("x-header", "h");
  calls[0]!.setTrailer("x-trailer-bin", Uint8Array.of(255));
  assert.throws(() => calls[0]!.setHeader("Bad Name", "v"), TypeError);
  calls[0]!.reply(new Uint8Array(2));
  peer.flush();
  assert.equal(peer.blocks[0]?.fields["x-header"], "h");
  assert.deepEqual(peer.blocks[1]?.fields, { "grpc-status": "0", "x-trailer-bin": "/w" });
});

test("a handler may compress its answer when the client accepts that", () => {
  const { peer, calls } = connected();
  const ask = (id: number, extra: [string, string][]) =>
    peer.send(
      raw.headers(id, request("/test.Service/Later", extra)),
      raw.data(id, raw.grpcMessage(new Uint8Array(1)), true),
    );
  ask(1, [["grpc-accept-encoding", "identity, gzip"]]);
  ask(3, []);
  assert.equal(calls[0]!.useGzip(), true);
  assert.equal(calls[1]!.useGzip(), false);
  calls[0]!.reply(new Uint8Array(1000));
  peer.flush();
  assert.equal(peer.blocks[0]?.fields["grpc-encoding"], "gzip");
  assert.equal(peer.body(1)[0], 1);
  assert.ok(peer.body(1).length < 100);
});

const partCases = [
  { name: "a small answer in one part", sizes: [100] },
  { name: "a small answer in several", sizes: [5, 1, 200] },
  { name: "parts that look like a prefix", sizes: [5, 5, 5] },
  { name: "an empty answer", sizes: [0] },
  { name: "an answer beyond the windows", sizes: [65_000, 65_536, 3, 70_000] },
];
for (const { name, sizes } of partCases) {
  for (const compressed of [false, true]) {
    test(`replyInParts: ${name}${compressed ? ", compressed" : ""}`, async () => {
      const { server, calls } = setUp();
      const link = new MemoryLink();
      server.attach(link.open, PEER);
      const client = GrpcClient.over(link.open);
      const answer = client.unary("/test.Service/Later", new Uint8Array(1));
      link.deliver();
      if (compressed) calls[0]!.useGzip();
      const parts = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
      const wanted = Buffer.concat(parts);
      const released: Uint8Array[] = [];
      calls[0]!.replyInParts(parts, (part) => {
        assert.ok(
          parts.some((each) => each === part) && !released.includes(part),
          "each part is released once",
        );
        part.fill(0);
        released.push(part);
      });
      link.deliver();
      assert.deepEqual(Buffer.from(await answer), wanted);
      assert.equal(released.length, parts.length);
      assert.equal(calls[0]!.ended, true);
    });
  }
}

test("an answer is released when it was copied or nobody waits for it, and stays while it waits for room", async () => {
  const { server, calls } = setUp();
  const link = new MemoryLink();
  server.attach(link.open, PEER);
  const client = GrpcClient.over(link.open);
  const ask = (): Promise<Uint8Array> => client.unary("/test.Service/Later", new Uint8Array(1));
  const answers = [ask(), ask()];
  link.deliver();
  const released: number[] = [];
  const release = (message: Uint8Array): void => {
    released.push(message.length);
    message.fill(0);
  };
  calls[0]!.reply(new Uint8Array(100).fill(1), release);
  assert.deepEqual(released, [100]);
  calls[0]!.reply(new Uint8Array(101), release);
  assert.deepEqual(released, [100, 101], "the call has ended");
  // More than the window takes.
  calls[1]!.reply(new Uint8Array(200_000).fill(2), release);
  assert.deepEqual(released, [100, 101]);
  link.deliver();
  const [small, large] = await Promise.all(answers);
  assert.deepEqual(Buffer.from(small!), Buffer.alloc(100, 1));
  assert.deepEqual(Buffer.from(large!), Buffer.alloc(200_000, 2));
});

test("an answer goes out in parts that are made while the client takes it", async () => {
  const { server, calls } = setUp();
  const link = new MemoryLink();
  server.attach(link.open, PEER);
  const client = GrpcClient.over(link.open);
  const answer = client.unary("/test.Service/Later", new Uint8Array(1));
  link.deliver();
  const call = calls[0]!;
  const size = 100_000;
  const count = 30;
  let made = 1;
  let released = 0;
  let waits = 0;
  const part = (): Uint8Array => new Uint8Array(size).fill(made);
  const release = (each: Uint8Array): void => {
    each.fill(0);
    released++;
  };
  const goOn = (): void => {
    while (made < count) {
      made++;
      if (!call.continueReply!(part())) {
        waits++;
        return;
      }
    }
    call.end();
  };
  call.onDrain = goOn;
  if (call.beginReply!(size * count, [part()], release)) goOn();
  link.deliver();
  const received = await answer;
  assert.equal(received.length, size * count);
  for (let i = 0; i < count; i++) {
    assert.ok(received.subarray(i * size, (i + 1) * size).every((byte) => byte === i + 1));
  }
  assert.ok(waits > 1, "it was made piece by piece");
  assert.equal(released, count);
  assert.equal(call.ended, true);
});

test("parts of an answer whose client goes away are released, those that come later, too", () => {
  const { peer, calls } = connected();
  peer.send(
    raw.headers(1, request("/test.Service/Later")),
    raw.data(1, raw.grpcMessage(new Uint8Array(1)), true),
  );
  let released = 0;
  const release = (): void => void released++;
  assert.equal(calls[0]!.beginReply!(1_000_000, [new Uint8Array(500_000)], release), false);
  peer.send(raw.reset(1));
  assert.equal(released, 1);
  assert.equal(calls[0]!.continueReply!(new Uint8Array(500_000)), false);
  assert.equal(released, 2);
});

test("an answer that is longer than any client takes is refused", () => {
  const { peer, calls } = connected();
  for (const id of [1, 3]) {
    peer.send(
      raw.headers(id, request("/test.Service/Later")),
      raw.data(id, raw.grpcMessage(new Uint8Array(1)), true),
    );
  }
  let released = 0;
  const release = (): void => void released++;
  calls[0]!.beginReply!(2 ** 31, [new Uint8Array(1)], release);
  // Views on the same memory, as there is hardly so much.
  const part = new Uint8Array(2 ** 28);
  calls[1]!.replyInParts(
    Array.from({ length: 8 }, () => part),
    release,
  );
  peer.flush();
  assert.equal(released, 9);
  for (const { fields } of peer.blocks) {
    assert.equal(fields["grpc-status"], "8");
    assert.equal(
      fields["grpc-message"],
      "grpc: trying to send message larger than max (2147483648 vs. 2147483647)",
    );
  }
  assert.equal(peer.blocks.length, 2);
});

test("parts of an answer that nobody waits for are released", () => {
  const { peer, calls } = connected();
  const ask = (id: number) =>
    peer.send(
      raw.headers(id, request("/test.Service/Later")),
      raw.data(id, raw.grpcMessage(new Uint8Array(1)), true),
    );
  ask(1);
  let released = 0;
  const release = (): void => void released++;
  // More than the window takes, so the rest waits until the client gives up.
  calls[0]!.replyInParts([new Uint8Array(65_000), new Uint8Array(65_000), new Uint8Array(10)], release);
  peer.flush();
  assert.equal(released, 1);
  peer.send(raw.reset(1));
  assert.equal(released, 3);
  ask(3);
  peer.send(raw.reset(3));
  calls[1]!.replyInParts([new Uint8Array(1), new Uint8Array(1)], release);
  assert.equal(released, 5);
});

test("gzip requests are inflated, large ones off the loop and in order", async () => {
  const { peer, heard } = connected();
  const small = raw.grpcMessage(gzipSync(new Uint8Array(10)), 1);
  const large = raw.grpcMessage(gzipSync(new Uint8Array(1_000_000)), 1);
  peer.send(raw.headers(1, request(STREAM, [["grpc-encoding", "gzip"]])));
  peer.send(raw.data(1, raw.concat(small, large, small)), raw.data(1, small, true));
  for (let i = 0; i < 500 && !heard.includes("half close"); i++)
    await new Promise((done) => setTimeout(done, 10));
  assert.deepEqual(heard, ["message 10", "message 1000000", "message 10", "message 10", "half close"]);
});

test("a paused call hears nothing and gives no window until it resumes", () => {
  const { peer, calls, heard } = connected({ limits: { streamWindowBytes: 65_535 } });
  peer.send(raw.headers(1, request(STREAM)));
  const call = calls[0]!;
  call.onMessage = (message) => heard.push(`message ${message.length}`);
  call.pauseReading();
  const message = raw.grpcMessage(new Uint8Array(10_000));
  for (let i = 0; i < 5; i++) peer.send(raw.data(1, message));
  peer.send(raw.data(1, message, true));
  assert.deepEqual(heard, []);
  assert.equal(peer.frames.filter(({ type, id }) => type === 8 && id === 1).length, 0);
  call.resumeReading();
  assert.deepEqual(heard, [...Array(6).fill("message 10000"), "half close"]);
});

test("a handler may pause after every message", () => {
  const { peer, calls, heard } = connected({ limits: { streamWindowBytes: 65_535 } });
  peer.send(raw.headers(1, request(STREAM)));
  const call = calls[0]!;
  call.onMessage = (message) => {
    heard.push(`message ${message[0]}`);
    call.pauseReading();
  };
  const messages = [1, 2, 3, 4].map((n) => raw.grpcMessage(new Uint8Array(9000).fill(n)));
  peer.send(raw.data(1, raw.concat(messages[0]!, messages[1]!.subarray(0, 10))));
  peer.send(raw.data(1, raw.concat(messages[1]!.subarray(10), messages[2]!.subarray(0, 3))));
  peer.send(raw.data(1, raw.concat(messages[2]!.subarray(3), messages[3]!).subarray(0, 16_000)));
  peer.send(raw.data(1, raw.concat(messages[2]!.subarray(3), messages[3]!).subarray(16_000), true));
  for (let i = 1; i <= 4; i++) {
    assert.equal(heard.length, i);
    call.resumeReading();
  }
  assert.deepEqual(heard, ["message 1", "message 2", "message 3", "message 4", "half close"]);
});

test("a paused stream gives the window back after it resumes", () => {
  const { peer, calls } = connected({ limits: { streamWindowBytes: 65_535 } });
  peer.send(raw.headers(1, request(STREAM)));
  calls[0]!.onMessage = () => {};
  calls[0]!.pauseReading();
  for (let i = 0; i < 4; i++) peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(16_000))));
  calls[0]!.resumeReading();
  peer.flush();
  const updates = peer.frames.filter(({ type, id }) => type === 8 && id === 1);
  assert.equal(updates.length, 1);
});

test("the observer sees every call begin and end with its status and counts", () => {
  const seen: string[] = [];
  const { peer } = connected({
    observer: {
      onCallStart: (call, kind) => seen.push(`start ${kind} ${call.path}`),
      onCallEnd: (call, code) => seen.push(`end ${code} ${call.receivedMessages}/${call.sentMessages}`),
    },
  });
  const message = raw.grpcMessage(new Uint8Array(1));
  peer.send(raw.headers(1, request(ECHO)), raw.data(1, message, true));
  peer.send(raw.headers(3, request(STREAM)), raw.data(3, raw.concat(message, message)), raw.reset(3));
  peer.send(raw.headers(5, request("/x/y")));
  assert.deepEqual(seen, [
    `start unary ${ECHO}`,
    "end 0 1/1",
    `start stream ${STREAM}`,
    "end 1 2/2",
    "start unknown /x/y",
    "end 12 0/0",
  ]);
});

test("every method counts its calls, messages and statuses as they pass", () => {
  const { peer, server } = connected();
  const message = raw.grpcMessage(new Uint8Array(4));
  peer.send(raw.headers(1, request(ECHO)), raw.data(1, message, true));
  peer.send(raw.headers(3, request(ECHO, [["grpc-encoding", "gzip"]])), raw.data(3, new Uint8Array(0), true));
  peer.send(raw.headers(5, request(STREAM)), raw.data(5, raw.concat(message, message)));
  const echo = server.routes.get(ECHO)!.stats;
  assert.deepEqual(
    [echo.started, echo.receivedMessages, echo.sentMessages, echo.receivedBytes, echo.sentBytes],
    [2, 1, 1, 4, 4],
  );
  assert.deepEqual([echo.handled[Code.OK], echo.handled[Code.UNKNOWN]], [1, 1]);
  const stream = server.routes.get(STREAM)!.stats;
  assert.deepEqual([stream.started, stream.receivedMessages, stream.sentMessages], [1, 2, 2]);
});

test("shutdown lets open calls end, refuses new ones and resolves when the last connection is gone", async () => {
  const { peer, server, calls } = connected();
  peer.send(
    raw.headers(1, request("/test.Service/Later")),
    raw.data(1, raw.grpcMessage(new Uint8Array(1)), true),
  );
  const stopped = server.shutdown(60_000);
  peer.flush();
  assert.deepEqual(peer.goAway(), { code: NO_ERROR, debug: "" });
  // A request that crossed the first GOAWAY is still served; after the acknowledgement none is.
  peer.send(raw.headers(3, request(ECHO)), raw.data(3, raw.grpcMessage(new Uint8Array(1)), true));
  assert.equal(peer.body(3).length, 6);
  peer.send(raw.ping("draining", 1));
  peer.send(raw.headers(5, request(ECHO)), raw.data(5, raw.grpcMessage(new Uint8Array(1)), true));
  assert.equal(peer.body(5).length, 0);
  assert.equal(peer.closed, false);
  calls[0]!.reply(new Uint8Array(9));
  peer.flush();
  assert.equal(peer.body(1).length, 14);
  assert.equal(peer.closed, true);
  await stopped;
});

test("a client that pings too often is sent away with too_many_pings", () => {
  const { peer } = connected();
  for (let i = 0; i < 4; i++) peer.send(raw.ping());
  assert.deepEqual(peer.goAway(), { code: ENHANCE_YOUR_CALM, debug: "too_many_pings" });
  assert.equal(peer.closed, true);
});

test("a client that is silent is pinged, and cut when it does not answer", () => {
  const { peer, clock } = connected({ keepalive: { intervalMs: 10_000, timeoutMs: 1000 } });
  clock.advance(10_001);
  peer.flush();
  assert.equal(peer.of(6).length, 1);
  peer.send(raw.frame(6, 1, 0, peer.of(6)[0]!.payload));
  clock.advance(1001);
  assert.equal(peer.closed, false);
  clock.advance(10_000);
  clock.advance(1001);
  assert.equal(peer.closed, true);
});

test("on TLS neither the server pings nor does it mind how often the client does", () => {
  const { server, peer, clock } = setUp({ keepalive: { intervalMs: 10_000, timeoutMs: 1000 } });
  server.attach(peer.open, { ...PEER, tls: {} as TLSSocket });
  peer.greet();
  for (let i = 0; i < 10; i++) peer.send(raw.ping());
  clock.advance(10_001);
  clock.advance(1_001);
  peer.flush();
  assert.equal(peer.of(6).length, 10);
  assert.equal(peer.goAway(), undefined);
  assert.equal(peer.closed, false);
});

test("a ping to an idle client leaves whole at the end of the turn", async () => {
  const { peer, clock } = connected({ keepalive: { intervalMs: 10_000, timeoutMs: 1000 } });
  clock.advance(10_001);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(peer.of(6).length, 1);
});

test("a client that never says SETTINGS is cut after two minutes", () => {
  const { server, peer, clock } = setUp();
  server.attach(peer.open, PEER);
  peer.send(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\n"));
  clock.advance(119_000);
  assert.equal(peer.closed, false);
  clock.advance(1_001);
  assert.equal(peer.closed, true);
});

test("our client and our server agree over octets cut anywhere", async () => {
  for (const pieceBytes of [1, 5, 100, Number.POSITIVE_INFINITY]) {
    const { server, clock } = setUp();
    const link = new MemoryLink(pieceBytes);
    server.attach(link.open, PEER);
    const client = GrpcClient.over(link.open, {
      clock: withCancelFunctions(clock),
      authority: "test",
      metadata: { token: "secret" },
    });
    const reply = client.unary(ECHO, new Uint8Array(2000).fill(3));
    const failure = client.unary("/test.Service/Refuse", new Uint8Array(1));
    const stream = client.stream(STREAM, { metadata: { "x-bin": Uint8Array.of(1) } });
    const received: number[] = [];
    let status: GrpcStatus | undefined;
    stream.onMessage = (message) => received.push(message.length);
    stream.onEnd = (ended) => {
      status = ended;
    };
    for (const length of [0, 1, 70_000]) stream.send(new Uint8Array(length));
    stream.halfClose();
    const late = client.unary("/test.Service/Later", new Uint8Array(1), { deadlineMs: clock.nowMs() + 50 });
    link.deliver();
    clock.advance(60);
    link.deliver();
    assert.deepEqual(await reply, new Uint8Array(2000).fill(3));
    await assert.rejects(failure, { code: Code.FAILED_PRECONDITION, details: "not now" });
    await assert.rejects(late, { code: Code.DEADLINE_EXCEEDED });
    assert.deepEqual(received, [0, 1, 70_000]);
    assert.equal(status?.code, Code.OK);
    client.close();
    assert.equal(client.activeCalls, 0);
  }
});

test("a client waits with new calls while the server allows no more streams", async () => {
  const { server, calls, clock } = setUp({ maxConcurrentStreams: 2 });
  const link = new MemoryLink();
  server.attach(link.open, PEER);
  const client = GrpcClient.over(link.open, { clock: withCancelFunctions(clock) });
  link.deliver();
  const replies = [1, 2, 3, 4].map((n) => client.unary("/test.Service/Later", Uint8Array.of(n)));
  link.deliver();
  assert.equal(calls.length, 2);
  for (let i = 0; i < 4; i++) {
    calls[i]!.reply(Uint8Array.of(i));
    link.deliver();
  }
  assert.deepEqual(
    (await Promise.all(replies)).map((reply) => reply[0]),
    [0, 1, 2, 3],
  );
});

test("a cancelled call resets its stream and ends with CANCELLED", () => {
  const { server, heard, clock } = setUp();
  const link = new MemoryLink();
  server.attach(link.open, PEER);
  const client = GrpcClient.over(link.open, { clock: withCancelFunctions(clock) });
  const stream = client.stream(STREAM);
  let code = -1;
  stream.onEnd = (status) => {
    code = status.code;
  };
  link.deliver();
  stream.cancel();
  link.deliver();
  assert.equal(code, Code.CANCELLED);
  assert.deepEqual(heard, ["canceled"]);
});

test("calls of a lost connection end with UNAVAILABLE", async () => {
  const { server, clock } = setUp();
  const link = new MemoryLink();
  server.attach(link.open, PEER);
  const client = GrpcClient.over(link.open, { clock: withCancelFunctions(clock) });
  const call = client.unary("/test.Service/Later", new Uint8Array(1));
  link.deliver();
  link.cut();
  await assert.rejects(call, { code: Code.UNAVAILABLE });
  await assert.rejects(client.unary(ECHO, new Uint8Array(1)), { code: Code.UNAVAILABLE });
  assert.equal(typeof (await client.closed), "string");
});

test("a server that shuts down ends its idle clients and finishes their calls", async () => {
  const { server, calls, clock } = setUp();
  const link = new MemoryLink();
  server.attach(link.open, PEER);
  const client = GrpcClient.over(link.open, { clock: withCancelFunctions(clock) });
  const call = client.unary("/test.Service/Later", new Uint8Array(1));
  link.deliver();
  const stopped = server.shutdown(60_000);
  link.deliver();
  assert.equal(client.unusable, true);
  calls[0]!.reply(Uint8Array.of(5));
  link.deliver();
  assert.deepEqual(await call, Uint8Array.of(5));
  await stopped;
});

test("nothing of a stream is reset twice", () => {
  const { peer, calls } = connected();
  peer.send(raw.headers(1, request(STREAM)));
  calls[0]!.fail(Code.ABORTED, "enough");
  peer.flush();
  peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(10))), raw.reset(1));
  assert.equal(peer.of(FRAME_RST_STREAM, 1).length, 1);
});
