import assert from "node:assert/strict";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { GrpcClient } from "../client/grpc-client.ts";
import type { ServerCall } from "../grpc/call.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import * as h2 from "./protocol.ts";

/*
 * Random and mutated octets against the state machine in both roles. A run is a pure function of its seed;
 * QUORATE_RUNS asks for more of them.
 */
const RUNS = searchRuns(150, 400);
const STEPS = 60;
const MEMORY_BOUND = 4_000_000;

/** A frame that is mostly legal, so that the fuzzer gets past the first check. */
function anyFrame(random: SeededRandom, response: boolean): Uint8Array {
  const id = random.pick([0, 1, 1, 3, 5, 7, 9, 2, 1 + 2 * random.below(40)]);
  const paths = ["/test.Service/Unary", "/test.Service/Stream", "/none/None", ""];
  switch (random.below(14)) {
    case 0:
    case 1: {
      const fields: [string, string][] = response
        ? [
            [":status", random.pick(["200", "404", "100", "x"])],
            ["content-type", "application/grpc"],
          ]
        : raw.grpcRequest(random.pick(paths), [["grpc-timeout", random.pick(["1S", "0n", "bad"])]]);
      return raw.headers(id, fields, random.pick([4, 5, 0, 0x24, 0x0c]));
    }
    case 2:
      return raw.headers(id, [["grpc-status", String(random.below(20))]], 5);
    case 3:
    case 4:
    case 5:
      return raw.data(id, raw.grpcMessage(octets(random, 300), random.below(3)), random.below(4) === 0);
    case 6:
      return raw.data(id, octets(random, 40), random.below(8) === 0);
    case 7:
      return raw.windowUpdate(id, random.pick([0, 1, 1000, 0x7fff_ffff]));
    case 8:
      return raw.settings([random.below(8), random.pick([0, 1, 100, 16_384, 65_535, 0xffff_ffff])]);
    case 9:
      return raw.reset(id, random.below(16));
    case 10:
      return raw.ping("12345678", random.below(2));
    case 11:
      return raw.frame(h2.FRAME_CONTINUATION, random.below(8), id, octets(random, 50));
    case 12:
      return raw.frame(h2.FRAME_GOAWAY, 0, 0, raw.uint32(random.below(20), random.below(16)));
    default:
      return raw.frame(random.below(16), random.below(256), id, octets(random, 60));
  }
}

function anyOctets(random: SeededRandom, response: boolean): Uint8Array {
  if (random.below(20) === 0) return octets(random, 100);
  const frame = anyFrame(random, response);
  // One octet in the wrong place, or a length that lies, is what finds bugs.
  for (let n = random.pick([0, 0, 0, 1, 3]); n > 0; n--)
    frame[random.below(frame.length)] = random.below(256);
  return random.below(15) === 0 ? frame.subarray(0, random.below(frame.length)) : frame;
}

function checkBounds(peer: RawClient, seed: number): void {
  const connection = peer.connection!;
  assert.ok(connection.output.size < MEMORY_BOUND, `output ${connection.output.size}, seed ${seed}`);
  assert.ok(connection.queuedBytes < MEMORY_BOUND, `queued ${connection.queuedBytes}, seed ${seed}`);
  assert.ok(connection.queuedBytes >= 0, `queued ${connection.queuedBytes}, seed ${seed}`);
}

function fuzzServer(seed: number): void {
  const random = new SeededRandom(seed);
  const clock = new ManualClock();
  const faults: unknown[] = [];
  const calls: ServerCall[] = [];
  const server = new GrpcServer({
    clock: withCancelFunctions(clock),
    maxReceiveMessageBytes: 10_000,
    onHandlerError: (error) => faults.push(error),
    ...(random.below(2) === 0 ? { onHttpRequest: (exchange) => exchange.respond(200, {}, "body") } : {}),
  });
  server.unary("/test.Service/Unary", (message, call) => {
    if (random.below(2) === 0) call.reply(message.slice());
    else calls.push(call);
  });
  server.stream("/test.Service/Stream", (call) => {
    calls.push(call);
    call.onMessage = (message) => {
      if (random.below(5) === 0) call.pauseReading();
      call.send(message.slice());
    };
    call.onHalfClose = () => call.end();
  });
  const peer = new RawClient();
  server.attach(peer.open, { address: "fuzz", port: 1 });
  if (random.below(10) > 0) peer.greet();
  for (let step = 0; step < STEPS && !peer.closed; step++) {
    peer.blocked = random.below(6) === 0;
    peer.send(anyOctets(random, false));
    const call = calls.length > 0 ? random.pick(calls) : undefined;
    if (call !== undefined) act(call, random);
    if (random.below(10) === 0) clock.advance(random.below(500));
    checkBounds(peer, seed);
  }
  peer.close();
  assert.deepEqual(faults, [], `seed ${seed}`);
  assert.equal(peer.connection!.streams.size, 0, `streams are left, seed ${seed}`);
  assert.equal(peer.connection!.queuedBytes, 0, `octets are left, seed ${seed}`);
}

function act(call: ServerCall, random: SeededRandom): void {
  switch (random.below(6)) {
    case 0:
      call.reply(octets(random, 200));
      break;
    case 1:
      call.fail(random.below(17), "no");
      break;
    case 2:
      call.send(new Uint8Array(random.pick([0, 10, 20_000])));
      break;
    case 3:
      call.resumeReading();
      break;
    case 4:
      call.end();
      break;
  }
}

async function fuzzClient(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const clock = new ManualClock();
  const peer = new RawClient();
  const client = GrpcClient.over(peer.open, {
    clock: withCancelFunctions(clock),
    maxReceiveMessageBytes: 10_000,
  });
  let started = 0;
  let ended = 0;
  peer.send(raw.settings([h2.SETTINGS_MAX_CONCURRENT_STREAMS, 1 + random.below(5)]));
  for (let step = 0; step < STEPS; step++) {
    if (random.below(3) === 0 && !peer.closed) {
      const call = client.stream("/test.Service/Stream", { deadlineMs: clock.nowMs() + random.below(1000) });
      started++;
      call.onEnd = () => ended++;
      call.onMessage = () => {
        if (random.below(8) === 0) call.cancel();
      };
      call.send(octets(random, 300));
      if (random.below(2) === 0) call.halfClose();
    }
    peer.send(anyOctets(random, true));
    if (random.below(10) === 0) clock.advance(random.below(500));
    checkBounds(peer, seed);
  }
  client.close();
  peer.close();
  await Promise.resolve(); // calls refused at their start end in a microtask
  assert.equal(ended, started, `every call ends once, seed ${seed}`);
}

function octets(random: SeededRandom, maxLength: number): Uint8Array {
  return random.bytes(random.below(maxLength + 1));
}

for (const [role, run] of [
  ["server", fuzzServer],
  ["client", fuzzClient],
] as const) {
  testWithSeed(`a ${role} survives whatever a peer sends in ${RUNS} runs`, async (seed) => {
    const random = new SeededRandom(seed);
    for (let i = 0; i < RUNS; i++) await run(random.next());
  });
}
