import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import type { ServerCall } from "../grpc/call.ts";
import { FLAG_END_HEADERS, FLAG_END_STREAM, FRAME_DATA, FRAME_HEADERS } from "../http2/protocol.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import * as raw from "../testing/raw-frames.ts";
import { type Listener, serve } from "./listener.ts";

const CONNECTIONS = 50;
const CALLS = 100;
const CROWD = CONNECTIONS * CALLS;
/** `MOST_UNANSWERED`, and what a few chunks of a socket have on top. */
const FEW = 256 + 4 * CALLS;
/** So many calls tell that a client asks for little. */
const KNOWN = 4;
const PATH = "/test.Service/Write";

/** A server that answers calls one after another, when it is told to; its crowd and a modest client. */
class Queue implements AsyncDisposable {
  /** Calls that came and are not answered. */
  readonly calls: ServerCall[] = [];
  came = 0;
  readonly cameOf = new Map<string, number>();
  /** No time passes: that nothing is answered for long is not what is looked at here. */
  readonly grpc = new GrpcServer({ clock: withCancelFunctions(new ManualClock()) });
  readonly sockets: net.Socket[] = [];
  listener!: Listener;

  static async open(takesTurns: boolean): Promise<Queue> {
    const queue = new Queue();
    const handle = (_message: Uint8Array, call: ServerCall): void => {
      queue.calls.push(call);
      queue.came++;
      const from = call.metadata("x-from")!;
      queue.cameOf.set(from, (queue.cameOf.get(from) ?? 0) + 1);
    };
    queue.grpc.unary(PATH, handle, undefined, takesTurns);
    queue.listener = await serve({ grpc: queue.grpc });
    return queue;
  }

  async connect(): Promise<net.Socket> {
    const { address } = this.listener;
    assert.ok(typeof address !== "string");
    const socket = net.connect(address.port, "127.0.0.1");
    this.sockets.push(socket);
    socket.on("error", () => {});
    socket.write(raw.concat(raw.PREFACE, raw.settings()));
    await new Promise((resolve) => socket.once("data", resolve));
    socket.resume();
    return socket;
  }

  /** A client that is known to ask for little. */
  async modest(): Promise<net.Socket> {
    const socket = await this.connect();
    for (let number = 0; number < KNOWN; number++) assert.equal(await this.answeredBefore(socket, number), 0);
    return socket;
  }

  /** Of each connection of the crowd all calls at once. */
  async crowd(): Promise<void> {
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => this.connect()));
    for (const [i, socket] of sockets.entries()) socket.write(requests(`crowd ${i}`, 0, CALLS));
  }

  /** Resolves when nothing more comes without an answer. */
  async settled(): Promise<void> {
    for (let before = -1; before !== this.came; ) {
      before = this.came;
      for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
    }
  }

  answer(count: number): void {
    for (const call of this.calls.splice(0, count)) call.reply(new Uint8Array(0));
  }

  /** How many calls are answered until the modest client's next one is. */
  async answeredBefore(modest: net.Socket, number: number): Promise<number> {
    modest.write(requests("modest", number, 1));
    await until(() => this.cameOf.get("modest") === number + 1);
    const ahead = this.calls.findIndex((call) => call.metadata("x-from") === "modest");
    this.answer(ahead + 1);
    await this.settled();
    return ahead;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.grpc.close();
    await this.listener.close();
  }
}

test("a modest client's call waits for a few calls of a crowd, and not for all", async () => {
  await using queue = await Queue.open(true);
  const modest = await queue.modest();
  await queue.crowd();
  await until(() => queue.came > FEW / 4);
  await queue.settled();
  assert.ok(queue.came <= FEW, `${queue.came} calls have come`);
  for (let number = KNOWN; number < KNOWN + 5; number++) {
    const ahead = await queue.answeredBefore(modest, number);
    assert.ok(ahead <= FEW, `${ahead} calls were ahead`);
  }
  while (queue.came < CROWD + KNOWN + 5) {
    queue.answer(100);
    await queue.settled();
    assert.ok(queue.calls.length <= FEW, `${queue.calls.length} calls are unanswered`);
  }
  for (let i = 0; i < CONNECTIONS; i++) assert.equal(queue.cameOf.get(`crowd ${i}`), CALLS);
});

test("a crowd that is alone is read as fast as it sends", async () => {
  await using queue = await Queue.open(true);
  await queue.crowd();
  await until(() => queue.came === CROWD);
});

test("calls of methods that take no turns are read as fast as they come", async () => {
  await using queue = await Queue.open(false);
  await queue.modest();
  await queue.crowd();
  await until(() => queue.came === CROWD + KNOWN);
});

test("a crowd that leaves makes room for those that wait", async () => {
  await using queue = await Queue.open(true);
  await queue.modest();
  await queue.crowd();
  await until(() => queue.came > FEW / 4);
  await queue.settled();
  const [, ...crowd] = queue.sockets;
  for (const socket of crowd.slice(0, -1)) socket.destroy();
  const last = `crowd ${CONNECTIONS - 1}`;
  await until(() => queue.cameOf.get(last) === CALLS);
  assert.equal(queue.grpc.unanswered.waitingCount, 0);
});

function requests(from: string, first: number, count: number): Uint8Array {
  const frames = Array.from({ length: count }, (_, i) => {
    const id = 2 * (first + i) + 1;
    const block = raw.block(raw.grpcRequest(PATH, [["x-from", from]]));
    return raw.concat(
      raw.frame(FRAME_HEADERS, FLAG_END_HEADERS, id, block),
      raw.frame(FRAME_DATA, FLAG_END_STREAM, id, new Uint8Array(105).fill(0).with(4, 100)),
    );
  });
  return raw.concat(...frames);
}
