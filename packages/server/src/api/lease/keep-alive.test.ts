import assert from "node:assert/strict";
import test from "node:test";
import type { CancelReason, ServerCall } from "@quorate/rpc/server";
import { ManualClock } from "@quorate/testkit/clock";
import { decode, encode } from "@quorate/wire";
import { LeaseKeepAliveRequestSchema, LeaseKeepAliveResponseSchema } from "@quorate/wire/etcdserverpb";
import { HeaderEncoder } from "@quorate/wire/hot";
import { OPEN_ACCESS } from "../../operations/open-access.testing.ts";
import { ResponseHeaders } from "../../operations/response-headers.ts";
import { LeaderMonitor } from "../../watch/leader-monitor.ts";
import type { ApiContext } from "../context.ts";
import { LeaderQuestions } from "./ask-leader.ts";
import { KeepAliveStream } from "./keep-alive.ts";
import { FakePeerRequests, newLessor, settle } from "./testing.ts";

/** A call as its client would see it. Messages that come while reading is paused wait, as in a real one. */
class FakeCall {
  readonly answers: { id: bigint; ttl: bigint; revision: bigint | undefined }[] = [];
  readonly waiting: Uint8Array[] = [];
  ended = false;
  outcome: string | undefined;
  isSlow = false;
  paused = false;
  hasLeader: string | undefined;
  halfClosed = false;
  onMessage?: (message: Uint8Array) => void;
  onHalfClose?: () => void;
  onDrain?: () => void;
  onCancel?: (reason: CancelReason) => void;

  metadata(name: string): string | undefined {
    return name === "hasleader" ? this.hasLeader : undefined;
  }
  send(message: Uint8Array): boolean {
    const { ID, TTL, header } = decode(LeaseKeepAliveResponseSchema, message);
    this.answers.push({ id: ID, ttl: TTL, revision: header?.revision });
    return !this.isSlow;
  }
  end(): void {
    this.ended = true;
    this.outcome = "OK";
  }
  fail(_code: number, text: string): void {
    this.ended = true;
    this.outcome = text;
  }
  pauseReading(): void {
    this.paused = true;
  }
  resumeReading(): void {
    this.paused = false;
    this.deliver();
  }

  // What the client does.

  ask(...ids: bigint[]): void {
    for (const ID of ids) this.waiting.push(encode(LeaseKeepAliveRequestSchema, { ID }));
    this.deliver();
  }
  halfClose(): void {
    this.halfClosed = true;
    this.deliver();
  }
  cancel(): void {
    this.ended = true;
    this.onCancel?.("canceled");
  }
  deliver(): void {
    while (!this.paused && !this.ended) {
      const message = this.waiting.shift();
      if (message !== undefined) this.onMessage?.(message);
      else if (this.halfClosed) this.onHalfClose?.();
      else return;
    }
  }
}

function setUp(hasLeader?: string) {
  const clock = new ManualClock();
  const peerRequests = new FakePeerRequests(clock);
  const lessor = newLessor(clock);
  lessor.applyGrant(7n, 20);
  lessor.applyGrant(8n, 30);
  lessor.promote();
  const consensus = {
    isLeader: true,
    leader: 1n,
    lastTickMs: 0,
    committedIndex: 1,
    appliedIndex: 1,
    appliedTerm: 2,
    linearizable: async () => {},
  };
  const store = { currentRevision: 5 };
  const context = {
    clock,
    peerRequests,
    lessor,
    consensus,
    store,
    headers: new ResponseHeaders(new HeaderEncoder(1n, 1n), 1n, 1n, consensus),
    requestTimeoutMs: 7_000,
    access: OPEN_ACCESS,
    config: { heartbeatMs: 100_000, features: { FastLeaseKeepAlive: true } },
    membership: {
      localId: 1n,
      member: (id: bigint) => (id === 0n ? undefined : { id, peerUrls: ["http://leader"] }),
    },
  } as unknown as ApiContext;
  const call = new FakeCall();
  call.hasLeader = hasLeader;
  const monitor = new LeaderMonitor(clock, 1_000, () => consensus.leader !== 0n);
  const stream = new KeepAliveStream(context, new LeaderQuestions(context), call as unknown as ServerCall);
  stream.start(monitor);
  return { clock, peerRequests, lessor, consensus, store, call };
}

test("each request gets its answer, in order; a lease that is not there has TTL 0", async () => {
  const { call } = setUp();
  call.ask(7n, 9n, 8n, -1n);
  await settle();
  assert.deepEqual(call.answers, [
    { id: 7n, ttl: 20n, revision: 5n },
    { id: 9n, ttl: 0n, revision: 5n },
    { id: 8n, ttl: 30n, revision: 5n },
    { id: -1n, ttl: 0n, revision: 5n },
  ]);
  call.halfClose();
  assert.equal(call.outcome, "OK");
});

test("a slow renewal holds up its stream, its header is that of before, and half-close waits for it", async () => {
  const { call, lessor, store, clock } = setUp();
  clock.advance(21_000);
  call.ask(7n, 8n);
  call.halfClose();
  await settle();
  assert.deepEqual(call.answers, []);
  store.currentRevision = 6;
  lessor.applyRevoke(7n);
  await settle();
  assert.deepEqual(call.answers, [
    { id: 7n, ttl: 0n, revision: 5n },
    { id: 8n, ttl: 30n, revision: 6n },
  ]);
  assert.equal(call.outcome, "OK");
});

test("a client that does not take its answers is not served further", () => {
  const { call } = setUp();
  call.isSlow = true;
  call.ask(7n, 8n);
  assert.equal(call.answers.length, 1);
  call.isSlow = false;
  call.onDrain?.();
  assert.equal(call.answers.length, 2);
});

test("an error other than a missing lease ends the stream with it", async () => {
  const { call, consensus, lessor, clock } = setUp();
  consensus.isLeader = false;
  consensus.leader = 0n;
  lessor.demote();
  call.ask(7n);
  await settle();
  clock.advance(100_000);
  await settle();
  assert.equal(call.outcome, "etcdserver: no leader");
});

test("what is no request ends the stream", () => {
  const { call } = setUp();
  call.waiting.push(Uint8Array.of(0xff));
  call.deliver();
  assert.match(call.outcome ?? "", /failed to unmarshal/);
});

test("with hasleader the stream ends when there has been no leader for three election timeouts", () => {
  const { call, consensus, clock } = setUp("true");
  consensus.leader = 0n;
  clock.advance(10_000);
  assert.equal(call.outcome, "etcdserver: no leader");
});

test("a client that goes away ends the request under way at the leader", async () => {
  const { call, consensus, lessor, peerRequests } = setUp();
  consensus.isLeader = false;
  consensus.leader = 2n;
  lessor.demote();
  call.ask(7n);
  await settle();
  assert.equal(peerRequests.sent.length, 1);
  call.cancel();
  await settle();
  assert.equal(peerRequests.sent[0]!.aborted, true);
  assert.deepEqual(call.answers, []);
});

test("a client that goes away before the leader has been asked leaves no request behind", async () => {
  const { call, consensus, lessor, peerRequests } = setUp();
  consensus.isLeader = false;
  consensus.leader = 2n;
  lessor.demote();
  call.ask(7n);
  call.cancel();
  await settle();
  assert.deepEqual(
    peerRequests.sent.filter(({ aborted }) => !aborted),
    [],
  );
});
