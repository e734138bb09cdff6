import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { GrpcClient } from "../client/grpc-client.ts";
import type { ServerCall } from "../grpc/call.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import * as h2 from "./protocol.ts";

/*
 * Random and mutated octets against the state machine in both roles. A run is a pure function of its seed; set
 * RPC_FUZZ_SEED to replay one and RPC_FUZZ_RUNS for more of them.
 */
const FIRST_SEED = Number(process.env.RPC_FUZZ_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const RUNS = Number(process.env.RPC_FUZZ_RUNS ?? 400);
const STEPS = 60;
const MEMORY_BOUND = 4_000_000;

/** A small, seeded generator (mulberry32). */
class Chance {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }
  octets(maxLength: number): Uint8Array {
    const bytes = new Uint8Array(this.below(maxLength + 1));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.below(256);
    return bytes;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** A frame that is mostly legal, so that the fuzzer gets past the first check. */
function anyFrame(chance: Chance, response: boolean): Uint8Array {
  const id = chance.pick([0, 1, 1, 3, 5, 7, 9, 2, 1 + 2 * chance.below(40)]);
  const paths = ["/test.Service/Unary", "/test.Service/Stream", "/none/None", ""];
  switch (chance.below(14)) {
    case 0:
    case 1: {
      const fields: [string, string][] = response
        ? [
            [":status", chance.pick(["200", "404", "100", "x"])],
            ["content-type", "application/grpc"],
          ]
        : raw.grpcRequest(chance.pick(paths), [["grpc-timeout", chance.pick(["1S", "0n", "bad"])]]);
      return raw.headers(id, fields, chance.pick([4, 5, 0, 0x24, 0x0c]));
    }
    case 2:
      return raw.headers(id, [["grpc-status", String(chance.below(20))]], 5);
    case 3:
    case 4:
    case 5:
      return raw.data(id, raw.grpcMessage(chance.octets(300), chance.below(3)), chance.below(4) === 0);
    case 6:
      return raw.data(id, chance.octets(40), chance.below(8) === 0);
    case 7:
      return raw.windowUpdate(id, chance.pick([0, 1, 1000, 0x7fff_ffff]));
    case 8:
      return raw.settings([chance.below(8), chance.pick([0, 1, 100, 16_384, 65_535, 0xffff_ffff])]);
    case 9:
      return raw.reset(id, chance.below(16));
    case 10:
      return raw.ping("12345678", chance.below(2));
    case 11:
      return raw.frame(h2.FRAME_CONTINUATION, chance.below(8), id, chance.octets(50));
    case 12:
      return raw.frame(h2.FRAME_GOAWAY, 0, 0, raw.uint32(chance.below(20), chance.below(16)));
    default:
      return raw.frame(chance.below(16), chance.below(256), id, chance.octets(60));
  }
}

function anyOctets(chance: Chance, response: boolean): Uint8Array {
  if (chance.below(20) === 0) return chance.octets(100);
  const octets = anyFrame(chance, response);
  // One octet in the wrong place, or a length that lies, is what finds bugs.
  for (let n = chance.pick([0, 0, 0, 1, 3]); n > 0; n--)
    octets[chance.below(octets.length)] = chance.below(256);
  return chance.below(15) === 0 ? octets.subarray(0, chance.below(octets.length)) : octets;
}

function checkBounds(peer: RawClient, seed: number): void {
  const connection = peer.connection!;
  assert.ok(connection.output.size < MEMORY_BOUND, `output ${connection.output.size}, seed ${seed}`);
  assert.ok(connection.queuedBytes < MEMORY_BOUND, `queued ${connection.queuedBytes}, seed ${seed}`);
  assert.ok(connection.queuedBytes >= 0, `queued ${connection.queuedBytes}, seed ${seed}`);
}

function fuzzServer(seed: number): void {
  const chance = new Chance(seed);
  const clock = new ManualClock();
  const faults: unknown[] = [];
  const calls: ServerCall[] = [];
  const server = new GrpcServer({
    clock,
    maxReceiveMessageBytes: 10_000,
    onHandlerError: (error) => faults.push(error),
    ...(chance.below(2) === 0 ? { onHttpRequest: (exchange) => exchange.respond(200, {}, "body") } : {}),
  });
  server.unary("/test.Service/Unary", (message, call) => {
    if (chance.below(2) === 0) call.reply(message.slice());
    else calls.push(call);
  });
  server.stream("/test.Service/Stream", (call) => {
    calls.push(call);
    call.onMessage = (message) => {
      if (chance.below(5) === 0) call.pauseReading();
      call.send(message.slice());
    };
    call.onHalfClose = () => call.end();
  });
  const peer = new RawClient();
  server.attach(peer.open, { address: "fuzz", port: 1 });
  if (chance.below(10) > 0) peer.greet();
  for (let step = 0; step < STEPS && !peer.closed; step++) {
    peer.blocked = chance.below(6) === 0;
    peer.send(anyOctets(chance, false));
    const call = calls.length > 0 ? chance.pick(calls) : undefined;
    if (call !== undefined) act(call, chance);
    if (chance.below(10) === 0) clock.advance(chance.below(500));
    checkBounds(peer, seed);
  }
  peer.close();
  assert.deepEqual(faults, [], `seed ${seed}`);
  assert.equal(peer.connection!.streams.size, 0, `streams are left, seed ${seed}`);
  assert.equal(peer.connection!.queuedBytes, 0, `octets are left, seed ${seed}`);
}

function act(call: ServerCall, chance: Chance): void {
  switch (chance.below(6)) {
    case 0:
      call.reply(chance.octets(200));
      break;
    case 1:
      call.fail(chance.below(17), "no");
      break;
    case 2:
      call.send(new Uint8Array(chance.pick([0, 10, 20_000])));
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
  const chance = new Chance(seed);
  const clock = new ManualClock();
  const peer = new RawClient();
  const client = GrpcClient.over(peer.open, { clock, maxReceiveMessageBytes: 10_000 });
  let started = 0;
  let ended = 0;
  peer.send(raw.settings([h2.SETTINGS_MAX_CONCURRENT_STREAMS, 1 + chance.below(5)]));
  for (let step = 0; step < STEPS; step++) {
    if (chance.below(3) === 0 && !peer.closed) {
      const call = client.stream("/test.Service/Stream", { deadlineMs: clock.nowMs() + chance.below(1000) });
      started++;
      call.onEnd = () => ended++;
      call.onMessage = () => {
        if (chance.below(8) === 0) call.cancel();
      };
      call.send(chance.octets(300));
      if (chance.below(2) === 0) call.halfClose();
    }
    peer.send(anyOctets(chance, true));
    if (chance.below(10) === 0) clock.advance(chance.below(500));
    checkBounds(peer, seed);
  }
  client.close();
  peer.close();
  await Promise.resolve(); // calls refused at their start end in a microtask
  assert.equal(ended, started, `every call ends once, seed ${seed}`);
}

for (const [role, run] of [
  ["server", fuzzServer],
  ["client", fuzzClient],
] as const) {
  test(`a ${role} survives whatever a peer sends (${RUNS} runs from seed ${FIRST_SEED})`, async () => {
    for (let i = 0; i < RUNS; i++) {
      const seed = (FIRST_SEED + i) | 0;
      try {
        await run(seed);
      } catch (error) {
        throw new Error(`RPC_FUZZ_SEED=${seed} RPC_FUZZ_RUNS=1 replays this`, { cause: error });
      }
    }
  });
}
