import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import type { ServerCall } from "../grpc/call.ts";
import { DO_NOT_INDEX, HpackEncoder, INDEX_FIELD } from "../hpack/encoder.ts";
import { GrpcServer, type GrpcServerOptions } from "../server/grpc-server.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { HeaderReader, SharedBlocks } from "./header-reader.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import * as h2 from "./protocol.ts";

const PATH = "/test.Service/Call";

function connected(options: GrpcServerOptions = {}, ...settings: [number, number][]) {
  const clock = new ManualClock();
  const server = new GrpcServer({ clock: withCancelFunctions(clock), ...options });
  const calls: ServerCall[] = [];
  let requests = 0;
  server.unary("/test.Service/Echo", (message, call) => {
    requests++;
    call.reply(message.slice());
  });
  server.stream(PATH, (call) => void calls.push(call));
  const peer = new RawClient();
  server.attach(peer.open, { address: "test", port: 1 });
  peer.greet(...settings);
  return { clock, peer, server, calls, requestCount: () => requests };
}

/** Repeats `attack` until the server ends the connection; the number of rounds it took, at most `limit`. */
function roundsUntilClosed(peer: RawClient, limit: number, attack: (round: number) => void): number {
  let round = 0;
  while (!peer.closed && round < limit) attack(round++);
  return round;
}

function calm(peer: RawClient): void {
  assert.equal(peer.goAway()?.code, h2.ENHANCE_YOUR_CALM);
  assert.equal(peer.closed, true);
}

test("malformed frames on a closed stream are answered with a stream error", () => {
  const { peer } = connected();
  for (const id of [1, 3, 5]) {
    peer.send(raw.headers(id, raw.grpcRequest("/test.Service/Echo")));
    peer.send(raw.data(id, raw.grpcMessage(new Uint8Array(1)), true));
  }
  peer.send(
    raw.frame(h2.FRAME_PRIORITY, 0, 1, new Uint8Array(4)),
    raw.frame(h2.FRAME_PRIORITY, 0, 3, raw.uint32(3, 0).subarray(0, 5)),
  );
  peer.send(raw.windowUpdate(5, 0));
  assert.deepEqual(
    [1, 3, 5].map((id) => peer.resetCode(id)),
    [h2.FRAME_SIZE_ERROR, h2.PROTOCOL_ERROR, h2.PROTOCOL_ERROR],
  );
  assert.equal(peer.closed, false);
});

test("rapid reset ends the connection after the burst", () => {
  const { peer } = connected();
  const rounds = roundsUntilClosed(peer, 100_000, (n) =>
    peer.send(raw.headers(1 + 2 * n, raw.grpcRequest(PATH)), raw.reset(1 + 2 * n)),
  );
  assert.ok(rounds <= 10_001);
  calm(peer);
});

test("a client that cancels at a bearable rate is left alone", () => {
  const { peer, clock } = connected({ limits: { resetBurst: 100, resetsPerSecond: 100 } });
  for (let n = 0; n < 1000; n++) {
    peer.send(raw.headers(1 + 2 * n, raw.grpcRequest(PATH)), raw.reset(1 + 2 * n));
    clock.advance(10);
  }
  assert.equal(peer.goAway(), undefined);
});

test("making the server reset streams counts like resetting them", () => {
  const { peer } = connected();
  const rounds = roundsUntilClosed(peer, 100_000, (n) =>
    peer.send(raw.headers(1 + 2 * n, raw.grpcRequest(PATH)), raw.windowUpdate(1 + 2 * n, 0)),
  );
  assert.ok(rounds <= 10_001);
  calm(peer);
});

test("malformed requests count as well", () => {
  const { peer } = connected();
  const rounds = roundsUntilClosed(peer, 100_000, (n) =>
    peer.send(raw.headers(1 + 2 * n, [["bad", "request"]])),
  );
  assert.ok(rounds <= 10_001);
  calm(peer);
});

const floods: { name: string; frame: Uint8Array }[] = [
  { name: "SETTINGS", frame: raw.settings([h2.SETTINGS_INITIAL_WINDOW_SIZE, 65_535]) },
  { name: "SETTINGS acknowledgements", frame: raw.frame(h2.FRAME_SETTINGS, h2.FLAG_ACK, 0) },
  { name: "PING acknowledgements", frame: raw.ping("pingpong", h2.FLAG_ACK) },
  { name: "PRIORITY", frame: raw.frame(h2.FRAME_PRIORITY, 0, 1, new Uint8Array(5)) },
  { name: "empty DATA", frame: raw.data(1, new Uint8Array(0)) },
  {
    name: "DATA that is all padding",
    frame: raw.frame(h2.FRAME_DATA, h2.FLAG_PADDED, 1, Uint8Array.of(3, 0, 0, 0)),
  },
  { name: "window updates of one octet", frame: raw.windowUpdate(1, 1) },
  { name: "frames of an unknown type", frame: raw.frame(0x77, 0, 0, new Uint8Array(3)) },
  { name: "resets of a closed stream", frame: raw.reset(3) },
  { name: "GOAWAY", frame: raw.frame(h2.FRAME_GOAWAY, 0, 0, raw.uint32(0, 0)) },
];
for (const { name, frame } of floods) {
  test(`a flood of ${name} ends the connection`, () => {
    const { peer } = connected();
    peer.send(raw.headers(1, raw.grpcRequest(PATH)));
    peer.send(raw.headers(3, raw.grpcRequest(PATH)), raw.reset(3));
    const rounds = roundsUntilClosed(peer, 100_000, () => peer.send(frame));
    assert.ok(rounds <= 10_010, `${rounds}`);
    calm(peer);
  });
}

test("a flood of PING with calls that are being answered ends the connection too", () => {
  const { peer, calls } = connected();
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  const rounds = roundsUntilClosed(peer, 100_000, () => {
    calls[0]!.send(new Uint8Array(0)); // forgives the strikes
    peer.send(raw.ping());
  });
  assert.ok(rounds <= 10_010);
  calm(peer);
});

for (const { streams, changes } of [
  { streams: 10, changes: 3000 },
  { streams: 2000, changes: 240 },
  { streams: 20_000, changes: 31 },
]) {
  test(`the windows of ${streams} streams may be changed ${changes} times at once, and not much more often`, () => {
    const { peer, calls } = connected();
    const block = raw.block(raw.grpcRequest(PATH));
    for (let n = 0; n < streams; n++) {
      peer.send(raw.frame(h2.FRAME_HEADERS, h2.FLAG_END_HEADERS, 1 + 2 * n, block));
    }
    assert.equal(calls.length, streams);
    const rounds = roundsUntilClosed(peer, 20_000, (round) =>
      peer.send(raw.settings([h2.SETTINGS_INITIAL_WINDOW_SIZE, 65_536 + (round % 2)])),
    );
    assert.ok(rounds >= changes && rounds <= 4 * changes, `${rounds} changes`);
    calm(peer);
  });
}

test("CONTINUATION frames are counted", () => {
  const { peer } = connected();
  const block = raw.block(raw.grpcRequest(PATH));
  peer.send(raw.frame(h2.FRAME_HEADERS, 0, 1, block));
  const rounds = roundsUntilClosed(peer, 1000, () => peer.send(raw.frame(h2.FRAME_CONTINUATION, 0, 1)));
  assert.equal(rounds, 33);
  calm(peer);
});

test("a header block over the limit ends the connection at the frame that goes beyond it", () => {
  const { peer } = connected({ limits: { maxHeaderBlockBytes: 65_536 } });
  peer.send(raw.frame(h2.FRAME_HEADERS, 0, 1, new Uint8Array(16_000)));
  const rounds = roundsUntilClosed(peer, 100, () =>
    peer.send(raw.frame(h2.FRAME_CONTINUATION, 0, 1, new Uint8Array(16_000))),
  );
  assert.equal(rounds, 4);
  calm(peer);
  // Or its client would send it all once more.
  assert.equal(new DataView(peer.of(h2.FRAME_GOAWAY)[0]!.payload.buffer).getUint32(0), 1);
});

test("trailers over the limit end only their stream", () => {
  const { peer } = connected({ limits: { maxHeaderListBytes: 2000 } });
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  peer.send(raw.headers(1, [["x-large", "v".repeat(3000)]], h2.FLAG_END_HEADERS | h2.FLAG_END_STREAM));
  assert.equal(peer.resetCode(1), h2.FRAME_SIZE_ERROR);
  assert.equal(peer.closed, false);
});

test("a header list over the limit ends only its stream", () => {
  const { peer, requestCount } = connected({ limits: { maxHeaderListBytes: 2000 } });
  peer.send(raw.headers(1, raw.grpcRequest(PATH, [["x-large", "v".repeat(3000)]])));
  assert.equal(peer.resetCode(1), h2.FRAME_SIZE_ERROR);
  peer.send(raw.headers(3, raw.grpcRequest("/test.Service/Echo")));
  peer.send(raw.data(3, raw.grpcMessage(new Uint8Array(1)), true));
  assert.equal(requestCount(), 1);
});

/** HEADERS and CONTINUATION frames of `size` octets each. */
function inFrames(id: number, block: Uint8Array, size: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < block.length; at += size) {
    const type = at === 0 ? h2.FRAME_HEADERS : h2.FRAME_CONTINUATION;
    const flags = at + size >= block.length ? h2.FLAG_END_HEADERS : 0;
    frames.push(raw.frame(type, flags, id, block.subarray(at, at + size)));
  }
  return frames;
}

for (const bytes of [70_000, 200_000, 4_000_000, 16_000_000]) {
  test(`metadata of ${bytes} octets is taken, and the connection goes on`, () => {
    const { peer, calls, requestCount } = connected();
    const block = raw.block(raw.grpcRequest(PATH, [["x-large", "v".repeat(bytes)]]));
    for (const frame of inFrames(1, block, 16_384)) peer.send(frame);
    assert.equal(calls[0]?.metadata("x-large")?.length, bytes);
    peer.send(raw.headers(3, raw.grpcRequest("/test.Service/Echo")));
    peer.send(raw.data(3, raw.grpcMessage(new Uint8Array(1)), true));
    assert.equal(requestCount(), 1);
  });
}

test("each frame of a header block is decoded when it comes, so that the last one is no more work than another", () => {
  const { peer, calls } = connected();
  const block = raw.block(raw.grpcRequest(PATH, [["x-large", "a".repeat(3_000_000)]]));
  let sent = 0;
  const before = peer.connection!.decodedHeaderOctets;
  for (const frame of inFrames(1, block, 16_384)) {
    peer.send(frame);
    sent += frame.length - h2.FRAME_HEADER_LENGTH;
    assert.equal(peer.connection!.decodedHeaderOctets - before, sent);
  }
  assert.equal(calls[0]?.metadata("x-large")?.length, 3_000_000);
});

const wrong: { what: string; name: string; status: string }[] = [
  { what: "path", name: ":path", status: "200" },
  { what: "content type", name: "content-type", status: "415" },
  { what: "encoding", name: "grpc-encoding", status: "200" },
  { what: "timeout", name: "grpc-timeout", status: "400" },
];
for (const { what, name, status } of wrong) {
  test(`of a long ${what} that is wrong the answer repeats a part only`, () => {
    const { peer } = connected();
    const fields = new Map([...raw.grpcRequest(PATH), [name, `/${"x".repeat(900_000)}`]] as [
      string,
      string,
    ][]);
    for (const frame of inFrames(1, raw.block([...fields]), 16_384)) peer.send(frame);
    const answer = peer.blocks[0]!.fields;
    assert.equal(answer[":status"], status);
    assert.match(answer["grpc-message"]!, /x{1000}/);
    assert.ok(answer["grpc-message"]!.length < 17_000);
  });
}

test("a header block that is malformed in one of its frames ends the connection there", () => {
  const { peer } = connected();
  peer.send(raw.frame(h2.FRAME_HEADERS, 0, 1, raw.block(raw.grpcRequest(PATH))));
  peer.send(raw.frame(h2.FRAME_CONTINUATION, 0, 1, Uint8Array.of(0x80)));
  assert.equal(peer.goAway()?.code, h2.COMPRESSION_ERROR);
  assert.equal(peer.closed, true);
});

test("short blocks that stand for large lists are not kept", () => {
  const reader = new HeaderReader(DEFAULT_LIMITS, new SharedBlocks());
  const encode = raw.blockEncoder();
  const decode = (block: Uint8Array) => reader.decode(block, 0, block.length);
  decode(encode([["a", "x".repeat(1900)]]));
  const bomb = new Uint8Array(500).fill(0xbe);
  assert.equal(decode(bomb)?.fields.length, 500);
  assert.notEqual(decode(bomb), decode(bomb));
  const usual = new Uint8Array(2).fill(0xbe);
  assert.equal(decode(usual), decode(usual));
});

test("CONTINUATION frames that carry a little are no flood", () => {
  const { peer, calls } = connected();
  const block = raw.block(raw.grpcRequest(PATH, [["x-large", "v".repeat(200_000)]]));
  for (const frame of inFrames(1, block, 256)) peer.send(frame);
  assert.equal(calls.length, 1);
});

test("CONTINUATION frames that carry next to nothing are a flood, whatever came before", () => {
  const { peer } = connected();
  peer.send(raw.frame(h2.FRAME_HEADERS, 0, 1, new Uint8Array(16_384)));
  const rounds = roundsUntilClosed(peer, 1000, () =>
    peer.send(raw.frame(h2.FRAME_CONTINUATION, 0, 1, new Uint8Array(1))),
  );
  assert.equal(rounds, 32 + 64 + 1);
  calm(peer);
});

test("open streams hold a bounded amount of metadata; it is free again when they end", () => {
  const { peer, calls } = connected({ limits: { maxHeldHeaderBytes: 50_000 } });
  const large = (id: number) => raw.headers(id, raw.grpcRequest(PATH, [["x-large", "v".repeat(15_000)]]));
  for (const id of [1, 3, 5, 7]) peer.send(large(id));
  assert.equal(calls.length, 3);
  assert.equal(peer.resetCode(7), h2.REFUSED_STREAM);
  peer.send(raw.reset(1), large(9));
  assert.equal(calls.length, 4);
  peer.send(raw.headers(11, raw.grpcRequest(PATH)));
  assert.equal(calls.length, 5);
});

test("headers over the limit of plain HTTP are answered with 431, and the connection goes on", () => {
  const paths: string[] = [];
  const { peer, calls } = connected({
    limits: { maxHttpHeaderListBytes: 10_000 },
    onHttpRequest: (exchange) => {
      paths.push(exchange.path);
      exchange.respond(200, {});
    },
  });
  const request = (path: string, bytes: number): [string, string][] => [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", path],
    ["x-large", "v".repeat(bytes)],
  ];
  peer.send(raw.headers(1, request("/large", 11_000), h2.FLAG_END_HEADERS | h2.FLAG_END_STREAM));
  peer.send(raw.headers(3, request("/small", 9_000), h2.FLAG_END_HEADERS | h2.FLAG_END_STREAM));
  assert.deepEqual(
    peer.blocks.map(({ id, fields }) => [id, fields[":status"]]),
    [
      [1, "431"],
      [3, "200"],
    ],
  );
  assert.deepEqual(paths, ["/small"]);
  peer.send(raw.headers(5, raw.grpcRequest(PATH, [["x-large", "v".repeat(11_000)]])));
  assert.equal(calls.length, 1);
});

test("a bomb of references to one table entry ends only its stream", () => {
  const { peer } = connected();
  const encoder = new HpackEncoder();
  encoder.begin();
  for (const [name, value] of raw.grpcRequest(PATH)) encoder.field(name, value, DO_NOT_INDEX);
  encoder.field("x-bomb", "b".repeat(2000), INDEX_FIELD);
  peer.send(raw.frame(h2.FRAME_HEADERS, h2.FLAG_END_HEADERS, 1, encoder.end()));
  peer.send(raw.frame(h2.FRAME_HEADERS, h2.FLAG_END_HEADERS, 3, new Uint8Array(16_000).fill(0xbe)));
  assert.equal(peer.resetCode(3), h2.FRAME_SIZE_ERROR);
  assert.equal(peer.closed, false);
});

test("a table size over what we offered is a compression error", () => {
  const { peer } = connected();
  peer.send(raw.frame(h2.FRAME_HEADERS, h2.FLAG_END_HEADERS, 1, Uint8Array.of(0x3f, 0xe1, 0xff, 0x03)));
  assert.equal(peer.goAway()?.code, h2.COMPRESSION_ERROR);
});

test("streams over the announced limit are refused, the others go on", () => {
  const { peer, calls } = connected({ maxConcurrentStreams: 2 });
  for (const id of [1, 3, 5]) peer.send(raw.headers(id, raw.grpcRequest(PATH)));
  assert.equal(peer.resetCode(5), h2.REFUSED_STREAM);
  calls[0]!.end();
  peer.flush();
  peer.send(raw.headers(7, raw.grpcRequest(PATH)));
  assert.equal(calls.length, 3);
});

test("more DATA than the stream's window is an error of the stream", () => {
  const { peer, calls } = connected({
    limits: { streamWindowBytes: 20_000, connectionWindowBytes: 1_000_000 },
  });
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  calls[0]!.pauseReading();
  peer.send(raw.data(1, new Uint8Array(16_000)), raw.data(1, new Uint8Array(16_000)));
  assert.equal(peer.resetCode(1), h2.FLOW_CONTROL_ERROR);
  assert.equal(peer.closed, false);
});

test("more DATA than the connection's window ends the connection", () => {
  const { peer, calls } = connected({
    limits: { streamWindowBytes: 1_000_000, connectionWindowBytes: 65_535, maxHeldBytes: 0 },
  });
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  calls[0]!.pauseReading();
  roundsUntilClosed(peer, 10, () => peer.send(raw.data(1, new Uint8Array(16_000))));
  assert.equal(peer.goAway()?.code, h2.FLOW_CONTROL_ERROR);
});

test("window overflow is an error of the stream or of the connection", () => {
  const onStream = connected();
  onStream.peer.send(raw.headers(1, raw.grpcRequest(PATH)), raw.windowUpdate(1, 0x7fff_ffff));
  assert.equal(onStream.peer.resetCode(1), h2.FLOW_CONTROL_ERROR);
  const onConnection = connected();
  onConnection.peer.send(raw.windowUpdate(0, 0x7fff_ffff));
  assert.equal(onConnection.peer.goAway()?.code, h2.FLOW_CONTROL_ERROR);
  const bySettings = connected();
  bySettings.peer.send(raw.headers(1, raw.grpcRequest(PATH)), raw.windowUpdate(1, 0x7000_0000));
  bySettings.peer.send(raw.settings([h2.SETTINGS_INITIAL_WINDOW_SIZE, 0x7fff_ffff]));
  assert.equal(bySettings.peer.goAway()?.code, h2.FLOW_CONTROL_ERROR);
});

test("between the tiny messages of a stream others have their turn", () => {
  const { clock, peer, calls, requestCount } = connected();
  const total = 10_000;
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  const call = calls[0]!;
  const got: number[] = [];
  let isOver = false;
  call.onMessage = (message) => void got.push((message[0]! << 8) | message[1]!);
  call.onHalfClose = () => {
    isOver = true;
  };
  const messages = Array.from({ length: total }, (_, i) => raw.grpcMessage(Uint8Array.of(i >> 8, i & 0xff)));
  const all = raw.concat(...messages);
  const frames: Uint8Array[] = [];
  // They need not begin where a frame does.
  for (let at = 0; at < all.length; at += 9_999) {
    const end = Math.min(at + 9_999, all.length);
    frames.push(raw.data(1, all.subarray(at, end), end === all.length));
  }
  peer.send(...frames.slice(0, 6));
  assert.equal(got.length, 256);
  // The call may stop, and go on, meanwhile.
  call.pauseReading();
  clock.advance(1);
  assert.equal(got.length, 256);
  call.resumeReading();
  assert.ok(got.length <= 2 * 256, `${got.length}`);
  peer.send(
    raw.headers(3, raw.grpcRequest("/test.Service/Echo")),
    raw.data(3, raw.grpcMessage(new Uint8Array(1)), true),
  );
  assert.equal(requestCount(), 1);
  assert.ok(got.length <= 2 * 256, `${got.length}`);
  clock.advance(1);
  peer.send(...frames.slice(6));
  assert.equal(isOver, false);
  clock.advance(1);
  assert.deepEqual(
    got,
    messages.map((_, i) => i),
  );
  assert.equal(isOver, true);
});

test("a call that ends between its tiny messages gets no more of them", () => {
  const { clock, peer, calls } = connected();
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  let got = 0;
  calls[0]!.onMessage = () => void got++;
  peer.send(raw.data(1, new Uint8Array(16_000)));
  assert.equal(got, 256);
  peer.send(raw.reset(1));
  clock.advance(1000);
  assert.equal(got, 256);
});

test("paused calls hold a bounded amount for the connection, then its window is withheld", () => {
  const { clock, peer, calls } = connected({
    limits: { streamWindowBytes: 65_535, connectionWindowBytes: 65_535, maxHeldBytes: 100_000 },
  });
  let sent = 0;
  let id = 1;
  const windowOf = () => 65_535 + sum(peer.of(h2.FRAME_WINDOW_UPDATE, 0)) - sent;
  while (windowOf() >= 16_000 && id < 400) {
    peer.send(raw.headers(id, raw.grpcRequest(PATH)));
    calls.at(-1)!.pauseReading();
    peer.send(raw.data(id, new Uint8Array(16_000)));
    sent += 16_000;
    id += 2;
  }
  assert.ok(sent <= 100_000 + 2 * 65_535, `${sent}`);
  for (const call of calls) call.resumeReading();
  clock.advance(1);
  peer.flush();
  assert.ok(windowOf() >= 16_000);
});

test("messages in the making are bounded for the connection: the others wait for their windows", () => {
  const length = 900_000;
  const { peer, requestCount } = connected({
    maxReceiveMessageBytes: 1_000_000,
    limits: { maxAssemblyBytes: 2 * length, connectionWindowBytes: 100_000_000, streamWindowBytes: 65_535 },
  });
  const message = raw.grpcMessage(new Uint8Array(length));
  const ids = Array.from({ length: 20 }, (_, i) => 1 + 2 * i);
  const sent = new Map(ids.map((id) => [id, 0]));
  const windowOf = (id: number) => 65_535 + sum(peer.of(h2.FRAME_WINDOW_UPDATE, id)) - sent.get(id)!;
  // Each client call sends what its window allows, all but the last octet.
  const sendAll = () => {
    for (const id of ids) {
      for (;;) {
        const at = sent.get(id)!;
        const count = Math.min(16_384, windowOf(id), message.length - 1 - at);
        if (count <= 0) break;
        peer.send(raw.data(id, message.slice(at, at + count)));
        sent.set(id, at + count);
      }
    }
  };
  for (const id of ids) peer.send(raw.headers(id, raw.grpcRequest("/test.Service/Echo")));
  sendAll();
  const complete = ids.filter((id) => sent.get(id) === message.length - 1);
  assert.deepEqual(complete, [1, 3]);
  for (const id of ids.slice(2)) assert.ok(sent.get(id)! <= 65_535, `${sent.get(id)}`);
  // In whatever order they are completed, all are served and none is refused.
  for (const id of ids) {
    peer.send(raw.data(id, message.slice(-1), true));
    sent.set(id, message.length);
    peer.send(raw.windowUpdate(0, 1_000_000), raw.windowUpdate(id, 1_000_000));
    sendAll();
  }
  assert.equal(requestCount(), 20);
  assert.deepEqual(
    peer.blocks.flatMap(({ fields }) => fields["grpc-status"] ?? []),
    new Array(20).fill("0"),
  );
  assert.equal(peer.connection!.messageRoom.usedBytes, 0);
});

test("whoever waits for room is let in when a message before it is given up", () => {
  const { peer } = connected({
    limits: { maxAssemblyBytes: 500_000, connectionWindowBytes: 10_000_000, streamWindowBytes: 65_535 },
  });
  const start = raw.grpcMessage(new Uint8Array(400_000)).subarray(0, 16_000);
  for (const id of [1, 3, 5]) peer.send(raw.headers(id, raw.grpcRequest(PATH)), raw.data(id, start));
  const granted = () => [1, 3, 5].map((id) => peer.of(h2.FRAME_WINDOW_UPDATE, id).length > 0);
  assert.deepEqual(granted(), [true, false, false]);
  peer.send(raw.reset(3));
  assert.deepEqual(granted(), [true, false, false]);
  peer.send(raw.reset(1));
  assert.deepEqual(granted(), [true, false, true]);
  peer.send(raw.reset(5));
  assert.equal(peer.connection!.messageRoom.usedBytes, 0);
});

test("a message that is larger than all there is room for is received", () => {
  const { peer, requestCount } = connected({
    maxReceiveMessageBytes: 1_000_000,
    limits: { maxAssemblyBytes: 1, connectionWindowBytes: 10_000_000, streamWindowBytes: 65_535 },
  });
  const message = raw.grpcMessage(new Uint8Array(500_000));
  peer.send(raw.headers(1, raw.grpcRequest("/test.Service/Echo")), raw.data(1, message.slice(0, 16_000)));
  // All of the window at once: the client need not wait for another update.
  assert.equal(65_535 + sum(peer.of(h2.FRAME_WINDOW_UPDATE, 1)), message.length);
  for (let at = 16_000; at < message.length; at += 16_000) {
    peer.send(raw.data(1, message.slice(at, at + 16_000), at + 16_000 >= message.length));
  }
  assert.equal(requestCount(), 1);
});

test("a claimed length costs no memory before its octets come", () => {
  const { peer } = connected({ limits: { maxAssemblyBytes: 1_000_000 } });
  const claim = raw.grpcMessage(new Uint8Array(4_000_000)).subarray(0, 6);
  for (let id = 1; id < 100; id += 2) peer.send(raw.headers(id, raw.grpcRequest(PATH)), raw.data(id, claim));
  assert.equal(peer.blocks.length, 0);
});

test("a window of one octet is served one octet at a time", () => {
  const { peer } = connected({}, [h2.SETTINGS_INITIAL_WINDOW_SIZE, 1]);
  peer.send(raw.headers(1, raw.grpcRequest("/test.Service/Echo")));
  peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(3)), true));
  assert.equal(peer.body(1).length, 1);
  for (let i = 0; i < 7; i++) peer.send(raw.windowUpdate(1, 1));
  assert.deepEqual(peer.body(1), raw.grpcMessage(new Uint8Array(3)));
  assert.equal(peer.blocks.at(-1)?.fields["grpc-status"], "0");
});

test("a window made negative by SETTINGS is waited out", () => {
  const { peer, calls } = connected({}, [h2.SETTINGS_INITIAL_WINDOW_SIZE, 100]);
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  calls[0]!.send(new Uint8Array(195));
  peer.flush();
  assert.equal(peer.body(1).length, 100);
  peer.send(raw.settings([h2.SETTINGS_INITIAL_WINDOW_SIZE, 0]));
  peer.send(raw.windowUpdate(1, 100));
  assert.equal(peer.body(1).length, 100);
  peer.send(raw.windowUpdate(1, 64));
  assert.equal(peer.body(1).length, 164);
});

test("a client that asks and never reads is made to wait once enough is queued, and refused nothing", () => {
  const { peer, requestCount } = connected(
    {
      limits: { maxQueuedBytes: 500_000, connectionWindowBytes: 100_000_000 },
    },
    [h2.SETTINGS_INITIAL_WINDOW_SIZE, 0],
  );
  const ids = Array.from({ length: 200 }, (_, i) => 1 + 2 * i);
  for (const id of ids) {
    peer.send(raw.headers(id, raw.grpcRequest("/test.Service/Echo")));
    peer.send(raw.data(id, raw.grpcMessage(new Uint8Array(10_000)), true));
  }
  assert.ok(requestCount() <= 52, `${requestCount()}`);
  assert.equal(peer.of(h2.FRAME_RST_STREAM).length, 0);
  // One that is given up lets another begin.
  const before = requestCount();
  peer.send(raw.reset(1), raw.reset(3));
  assert.equal(requestCount(), before + 2);
  for (const id of ids.slice(2)) peer.send(raw.windowUpdate(0, 20_000), raw.windowUpdate(id, 20_000));
  assert.equal(requestCount(), 200);
  assert.deepEqual(
    peer.blocks.flatMap(({ fields }) => fields["grpc-status"] ?? []),
    new Array(198).fill("0"),
  );
});

test("beside a large answer that is not read other calls are served", () => {
  const { peer, server, requestCount } = connected({
    limits: { maxQueuedBytes: 500_000, connectionWindowBytes: 100_000_000 },
  });
  server.unary("/test.Service/Large", (_message, call) => call.reply(new Uint8Array(5_000_000)));
  peer.send(raw.windowUpdate(0, 1_000_000));
  peer.send(raw.headers(1, raw.grpcRequest("/test.Service/Large")));
  peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(1)), true));
  for (let id = 3; id < 103; id += 2) {
    peer.send(raw.headers(id, raw.grpcRequest("/test.Service/Echo")));
    peer.send(raw.data(id, raw.grpcMessage(new Uint8Array(1000)), true));
  }
  assert.equal(requestCount(), 50);
  assert.equal(peer.blocks.filter(({ fields }) => fields["grpc-status"] === "0").length, 50);
});

test("answers that ask for room are made as the client takes them, and hold up nobody else", () => {
  const { peer, server, requestCount } = connected(
    { limits: { maxQueuedBytes: 500_000, connectionWindowBytes: 100_000_000, maxAnswersInTheMaking: 2 } },
    [h2.SETTINGS_INITIAL_WINDOW_SIZE, 0],
  );
  const begun: ServerCall[] = [];
  server.unary("/test.Service/Room", (_message, call) => call.whenAnswerRoom(() => void begun.push(call)));
  const ids = Array.from({ length: 6 }, (_, i) => 1 + 2 * i);
  for (const id of ids) {
    peer.send(raw.headers(id, raw.grpcRequest("/test.Service/Room")));
    peer.send(raw.data(id, raw.grpcMessage(new Uint8Array(1)), true));
  }
  assert.equal(begun.length, 2);
  // One has gone before it began, one before it was answered.
  peer.send(raw.reset(5), raw.reset(3));
  assert.equal(begun.length, 3);
  begun[0]!.reply(new Uint8Array(400_000));
  begun[2]!.reply(new Uint8Array(400_000));
  peer.flush();
  assert.equal(begun.length, 3);
  peer.send(raw.headers(101, raw.grpcRequest("/test.Service/Echo")));
  peer.send(raw.data(101, raw.grpcMessage(new Uint8Array(1)), true));
  assert.equal(requestCount(), 1);
  peer.send(raw.windowUpdate(0, 1_000_000), raw.windowUpdate(1, 1_000_000));
  assert.equal(begun.length, 5);
  assert.equal(peer.connection!.rooms.inTheMaking, 2);
});

test("streams that wait for their client count for no one else", () => {
  const { peer, calls, requestCount } = connected(
    { limits: { maxQueuedBytes: 100_000, connectionWindowBytes: 100_000_000 } },
    [h2.SETTINGS_INITIAL_WINDOW_SIZE, 0],
  );
  for (let id = 1; id < 11; id += 2) peer.send(raw.headers(id, raw.grpcRequest(PATH)));
  for (const call of calls) assert.equal(call.send(new Uint8Array(1_000_000)), false);
  peer.send(raw.headers(101, raw.grpcRequest("/test.Service/Echo")));
  peer.send(raw.data(101, raw.grpcMessage(new Uint8Array(1)), true));
  assert.equal(requestCount(), 1);
});

test("what a paused call holds takes no more memory in tiny frames than in large ones", () => {
  const { peer, calls } = connected();
  const got: number[] = [];
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  const call = calls[0]!;
  call.onMessage = (message) => {
    got.push(message[0]!);
    call.pauseReading();
    if (got.length % 3 === 0) call.resumeReading();
  };
  call.onHalfClose = () => got.push(-1);
  const octets = raw.concat(...Array.from({ length: 100 }, (_, i) => raw.grpcMessage(Uint8Array.of(i))));
  for (const octet of octets) peer.send(raw.data(1, Uint8Array.of(octet)));
  peer.send(raw.data(1, new Uint8Array(0), true));
  assert.equal(got.length, 1);
  while (got.at(-1) !== -1) call.resumeReading();
  assert.deepEqual(got, [...Array.from({ length: 100 }, (_, i) => i), -1]);
});

test("a stream to a client that does not read is told to wait, and told when to go on", () => {
  const { peer, calls } = connected();
  let drained = 0;
  peer.send(raw.headers(1, raw.grpcRequest(PATH)));
  const call = calls[0]!;
  call.onDrain = () => drained++;
  let sent = 0;
  while (call.send(new Uint8Array(1000))) sent++;
  assert.ok(sent > 60 && sent < 140, `${sent}`);
  peer.flush();
  assert.equal(drained, 0);
  peer.send(raw.windowUpdate(0, 1_000_000), raw.windowUpdate(1, 1_000_000));
  assert.equal(drained, 1);
  assert.equal(call.queuedBytes, 0);
});

test("a transport that takes nothing does not make the output grow", () => {
  const { peer, calls } = connected({}, [h2.SETTINGS_INITIAL_WINDOW_SIZE, 0x7fff_ffff]);
  peer.send(raw.windowUpdate(0, 0x7000_0000), raw.headers(1, raw.grpcRequest(PATH)));
  peer.blocked = true;
  peer.flush();
  let waits = 0;
  for (let i = 0; i < 2000; i++) if (!calls[0]!.send(new Uint8Array(1000))) waits++;
  assert.ok(peer.connection!.output.size <= 2 * 65_536, `${peer.connection!.output.size}`);
  assert.ok(waits > 1800);
  peer.blocked = false;
  peer.connection!.transportBlocked = false;
  peer.flush();
  assert.equal(peer.body(1).length, 2000 * 1005);
});

test("a huge response does not hold up other streams", () => {
  const { peer, calls } = connected({}, [h2.SETTINGS_INITIAL_WINDOW_SIZE, 0x7fff_ffff]);
  peer.send(raw.windowUpdate(0, 0x7000_0000));
  peer.send(raw.headers(1, raw.grpcRequest(PATH)), raw.headers(3, raw.grpcRequest(PATH)));
  calls[0]!.send(new Uint8Array(3_000_000));
  calls[1]!.send(new Uint8Array(100));
  peer.flush();
  const order = peer.of(h2.FRAME_DATA).map(({ id }) => id);
  assert.ok(order.indexOf(3) <= 2, `event at frame ${order.indexOf(3)}`);
  assert.ok(peer.of(h2.FRAME_DATA).every(({ payload }) => payload.length <= 16_384));
});

test("two large responses share the connection evenly", () => {
  const { peer, calls } = connected({}, [h2.SETTINGS_INITIAL_WINDOW_SIZE, 0x7fff_ffff]);
  peer.send(raw.headers(1, raw.grpcRequest(PATH)), raw.headers(3, raw.grpcRequest(PATH)));
  calls[0]!.send(new Uint8Array(1_000_000));
  calls[1]!.send(new Uint8Array(1_000_000));
  peer.flush();
  for (let i = 0; i < 20; i++) peer.send(raw.windowUpdate(0, 50_000));
  const difference = Math.abs(peer.body(1).length - peer.body(3).length);
  assert.ok(difference <= 2 * 16_384, `${difference}`);
});

function sum(updates: readonly { readonly payload: Uint8Array }[]): number {
  return updates.reduce((total, { payload }) => total + new DataView(payload.buffer).getUint32(0), 0);
}
