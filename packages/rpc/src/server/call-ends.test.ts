import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import type { CancelReason, ServerCall } from "../grpc/call.ts";
import type { HttpExchange } from "../grpc/http-exchange.ts";
import { Code, GrpcError } from "../grpc/status.ts";
import { FRAME_RST_STREAM, INTERNAL_ERROR } from "../http2/protocol.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { GrpcServer, type GrpcServerOptions } from "./grpc-server.ts";

const UNARY = "/test.Service/Unary";
const STREAM = "/test.Service/Stream";
const MAX_BYTES = 1000;

/** A server whose handlers leave the end of their calls to others, and a client that has called one of them. */
function setUp(options: GrpcServerOptions = {}) {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const server = new GrpcServer({
    clock: withCancelFunctions(clock),
    maxReceiveMessageBytes: MAX_BYTES,
    onHandlerError: (error) => errors.push(error),
    ...options,
  });
  const calls: ServerCall[] = [];
  server.unary(UNARY, (_message, call) => void calls.push(call));
  server.stream(STREAM, (call) => void calls.push(call));
  const peer = new RawClient();
  server.attach(peer.open, { address: "test", port: 1 });
  peer.greet();
  return { clock, errors, server, calls, peer };
}
type World = ReturnType<typeof setUp>;

const message = raw.grpcMessage(new Uint8Array(3));

const ends: {
  name: string;
  path?: string;
  end: (world: World) => void;
  reason: CancelReason;
  status?: string;
}[] = [
  { name: "RST_STREAM", end: ({ peer }) => peer.send(raw.reset(1)), reason: "canceled" },
  { name: "the loss of the connection", end: ({ peer }) => peer.close(), reason: "disconnected" },
  { name: "the server's close", end: ({ server }) => server.close(), reason: "disconnected" },
  {
    name: "a connection error",
    end: ({ peer }) => peer.send(raw.windowUpdate(0, 0)),
    reason: "disconnected",
  },
  {
    name: "a stream error",
    end: ({ peer }) => peer.send(raw.data(1, new Uint8Array(0), true), raw.data(1, message)),
    reason: "failed",
  },
  {
    name: "its deadline",
    end: ({ clock }) => clock.advance(1010),
    reason: "deadline",
    status: "4",
  },
  {
    name: "a message over the limit",
    end: ({ peer }) => peer.send(raw.data(1, Uint8Array.of(0, 0, 0, 0xff, 0xff, 1))),
    reason: "failed",
    status: "8",
  },
  {
    name: "a wrong prefix",
    end: ({ peer }) => peer.send(raw.data(1, Uint8Array.of(9, 0, 0, 0, 1, 1))),
    reason: "failed",
    status: "13",
  },
  {
    name: "a compressed message without an encoding",
    end: ({ peer }) => peer.send(raw.data(1, Uint8Array.of(1, 0, 0, 0, 1, 1))),
    reason: "failed",
    status: "13",
  },
  {
    name: "the end of the request in the middle of a message",
    end: ({ peer }) => peer.send(raw.data(1, message.subarray(0, 6), true)),
    reason: "failed",
    status: "13",
  },
  {
    name: "a second message of a unary call",
    path: UNARY,
    end: ({ peer }) => peer.send(raw.data(1, raw.concat(message, message))),
    reason: "failed",
    status: "13",
  },
  {
    name: "a callback that throws",
    end: ({ peer, calls }) => {
      calls[0]!.onMessage = () => {
        throw new Error("a defect");
      };
      peer.send(raw.data(1, message));
    },
    reason: "failed",
    status: "2",
  },
  {
    name: "a callback that throws a status",
    end: ({ peer, calls }) => {
      calls[0]!.onHalfClose = () => {
        throw new GrpcError(Code.ABORTED, "enough");
      };
      peer.send(raw.data(1, new Uint8Array(0), true));
    },
    reason: "failed",
    status: "10",
  },
];
for (const { name, path = STREAM, end, reason, status } of ends) {
  for (const late of [false, true]) {
    test(`a handler learns once that ${name} ended its call${late ? ", also afterwards" : ""}`, () => {
      const world = setUp();
      const { peer, calls } = world;
      peer.send(raw.headers(1, raw.grpcRequest(path, [["grpc-timeout", "1S"]])));
      if (path === UNARY) peer.send(raw.data(1, message));
      // A unary handler begins with the message; the next one is what ends the call.
      const call = (): ServerCall => calls[0]!;
      const heard: string[] = [];
      const listen = () => {
        call().onCancel = (why) => heard.push(`${why}${call().ended ? "" : " too early"}`);
      };
      if (!late) listen();
      end(world);
      peer.flush();
      if (late) listen();
      assert.deepEqual(heard, [reason]);
      assert.equal(call().ended, true);
      assert.equal(peer.blocks[0]?.fields["grpc-status"], status);
      peer.send(raw.reset(1));
      peer.close();
      listen();
      assert.deepEqual(heard, [reason]);
    });
  }
}

const ownEnds: { name: string; end: (call: ServerCall) => void }[] = [
  { name: "reply", end: (call) => call.reply(new Uint8Array(1)) },
  { name: "end", end: (call) => call.end() },
  { name: "fail", end: (call) => call.fail(Code.ABORTED, "enough") },
];
for (const { name, end } of ownEnds) {
  test(`a handler that ends its call with ${name} hears nothing of it, then or later`, () => {
    const { peer, calls } = setUp();
    peer.send(raw.headers(1, raw.grpcRequest(STREAM)));
    const heard: string[] = [];
    calls[0]!.onCancel = (why) => heard.push(why);
    end(calls[0]!);
    peer.send(raw.reset(1));
    peer.close();
    calls[0]!.onCancel = (why) => heard.push(why);
    assert.deepEqual(heard, []);
  });
}

test("a handler that throws while it begins is told of the end, for what it has begun", () => {
  const heard: string[] = [];
  const { peer, errors, server } = setUp();
  server.stream("/test.Service/Broken", (call) => {
    call.onCancel = (why) => heard.push(why);
    throw new Error("a defect");
  });
  peer.send(raw.headers(1, raw.grpcRequest("/test.Service/Broken")));
  assert.deepEqual(heard, ["failed"]);
  assert.equal(errors.length, 1);
});

test("an onCancel that throws is reported and harms nobody else", () => {
  const { peer, calls, errors } = setUp();
  peer.send(raw.headers(1, raw.grpcRequest(STREAM)), raw.headers(3, raw.grpcRequest(STREAM)));
  const heard: string[] = [];
  calls[0]!.onCancel = () => {
    throw new Error("a defect");
  };
  calls[1]!.onCancel = (why) => heard.push(why);
  peer.close();
  assert.deepEqual(heard, ["disconnected"]);
  assert.equal(errors.length, 1);
});

// ---- Requests that are not gRPC ----

function exchanging(handler: (exchange: HttpExchange) => void) {
  const exchanges: HttpExchange[] = [];
  const world = setUp({
    onHttpRequest: (exchange) => {
      exchanges.push(exchange);
      handler(exchange);
    },
  });
  world.peer.send(
    raw.headers(1, [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/v3/watch"],
    ]),
  );
  return { ...world, exchange: exchanges[0]! };
}

const exchangeEnds: { name: string; end: (world: World) => void }[] = [
  { name: "RST_STREAM", end: ({ peer }) => peer.send(raw.reset(1)) },
  { name: "the loss of the connection", end: ({ peer }) => peer.close() },
  { name: "a callback that throws", end: ({ peer }) => peer.send(raw.data(1, new Uint8Array(1))) },
];
for (const { name, end } of exchangeEnds) {
  for (const late of [false, true]) {
    test(`an exchange learns once that ${name} ended it${late ? ", also afterwards" : ""}`, () => {
      const world = exchanging((exchange) => {
        exchange.onData = () => {
          throw new Error("a defect");
        };
      });
      let heard = 0;
      const listen = () => {
        world.exchange.onAbort = () => void heard++;
      };
      if (!late) listen();
      end(world);
      if (late) listen();
      world.peer.close();
      listen();
      assert.equal(heard, 1);
      assert.equal(world.exchange.ended, true);
    });
  }
}

test("a handler of an exchange that throws is answered for with 500, and the connection goes on", () => {
  const { peer, errors } = exchanging((exchange) => exchange.respond(307, { location: "line\nbreak" }));
  assert.equal(peer.blocks[0]?.fields[":status"], "500");
  assert.equal(errors.length, 1);
  peer.send(raw.headers(3, raw.grpcRequest(STREAM)));
  assert.equal(peer.closed, false);
});

test("a response that has begun when its handler throws, or that its handler breaks off, is reset", () => {
  const { peer, exchange } = exchanging((each) => {
    each.writeHead(200, {});
    throw new Error("a defect");
  });
  assert.equal(peer.resetCode(1), INTERNAL_ERROR);
  exchange.end();
  const broken = exchanging((each) => {
    each.write(new Uint8Array(1));
    each.abort();
  });
  assert.equal(broken.peer.resetCode(1), INTERNAL_ERROR);
  assert.equal(broken.peer.of(FRAME_RST_STREAM).length, 1);
});
