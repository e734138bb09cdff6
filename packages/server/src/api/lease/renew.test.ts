import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import type { ApiContext } from "../context.ts";
import { LeaderQuestions } from "./ask-leader.ts";
import { renewLease } from "./renew.ts";
import { FakePeerRequests, newLessor, passTime, settle } from "./testing.ts";

const SELF = 1n;
const LEADER = 2n;
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

class Harness {
  readonly clock = new ManualClock();
  readonly peerRequests = new FakePeerRequests(this.clock);
  readonly lessor = newLessor(this.clock, { pauseMs: 300 });
  readonly consensus = {
    leader: SELF,
    get isLeader(): boolean {
      return this.leader === SELF;
    },
    lastTickMs: 0,
    committedIndex: 5,
    appliedIndex: 5,
    catchesUp: true,
    reads: 0,
    waitApplied: async () => {
      if (this.consensus.catchesUp) this.onCatchUp();
      return this.consensus.catchesUp;
    },
    /** What a proof of leadership comes to. */
    read: async () => {},
    linearizable: () => {
      this.consensus.reads += 1;
      return this.consensus.read();
    },
  };
  readonly features = { FastLeaseKeepAlive: true };
  readonly context = {
    clock: this.clock,
    peerRequests: this.peerRequests,
    lessor: this.lessor,
    consensus: this.consensus,
    requestTimeoutMs: 7_000,
    config: { heartbeatMs: 100, features: this.features },
    membership: {
      localId: SELF,
      member: (id: bigint) => this.members.get(id),
    },
  } as unknown as ApiContext;
  readonly members = new Map([
    [SELF, { id: SELF, peerUrls: ["http://self"] }],
    [LEADER, { id: LEADER, peerUrls: ["http://a", "http://b"] }],
    [3n, { id: 3n, peerUrls: ["http://c"] }],
  ]);
  readonly caller = new AbortController();
  readonly #questions = new LeaderQuestions(this.context);
  outcome: number | string | undefined;
  onCatchUp = () => {};

  /** Time and ticks; nothing stands still. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      await passTime(this.clock, Math.min(50, ms - passed));
      this.consensus.lastTickMs = this.clock.nowMs();
    }
  }

  async renew(id = 7n): Promise<void> {
    this.outcome = undefined;
    const set = (outcome: number | string) => {
      this.outcome = outcome;
    };
    try {
      const renewed = renewLease(this.context, this.#questions, id, this.caller.signal);
      if (typeof renewed === "number") set(renewed);
      else renewed.then(set, (error: Error) => set(error.message));
    } catch (error) {
      set((error as Error).message);
    }
    await settle();
  }

  get urls(): string[] {
    return this.peerRequests.sent.map(({ url, request }) => `${request.method} ${url}${request.path}`);
  }
}

/** A member that leads and is the lessor, with lease 7. */
function leader(): Harness {
  const harness = new Harness();
  harness.lessor.applyGrant(7n, 20);
  harness.lessor.promote();
  return harness;
}

function follower(): Harness {
  const harness = new Harness();
  harness.consensus.leader = LEADER;
  harness.lessor.applyGrant(7n, 20);
  return harness;
}

test("the lessor renews at once, without a promise", () => {
  const { context, caller } = leader();
  assert.equal(renewLease(context, new LeaderQuestions(context), 7n, caller.signal), 20);
});

test("a lease that is absent is gone only when all that is committed has been applied", async () => {
  const harness = leader();
  harness.consensus.appliedIndex = 4;
  harness.onCatchUp = () => harness.lessor.applyGrant(8n, 30);
  await harness.renew(8n);
  assert.equal(harness.outcome, 30);
  await harness.renew(9n).catch(() => {});
  harness.onCatchUp = () => {};
  await harness.renew(9n);
  assert.equal(harness.outcome, 0);
  harness.consensus.catchesUp = false;
  await harness.renew(9n);
  assert.equal(harness.outcome, "etcdserver: request timed out, waiting for the applied index took too long");
  await harness.renew(7n);
  assert.equal(harness.outcome, 20);
  harness.features.FastLeaseKeepAlive = false;
  await harness.renew(7n);
  assert.equal(harness.outcome, "etcdserver: request timed out, waiting for the applied index took too long");
});

test("a leader that stood still proves its leadership first, and only once", async () => {
  const harness = leader();
  await harness.pass(1_000);
  assert.equal(harness.consensus.reads, 0);
  harness.clock.costOfLookMs = 400;
  harness.clock.nowMs();
  harness.clock.costOfLookMs = 0;
  harness.consensus.lastTickMs = harness.clock.nowMs();
  await harness.renew();
  assert.deepEqual([harness.outcome, harness.consensus.reads], [20, 1]);
  await harness.renew();
  assert.deepEqual([harness.outcome, harness.consensus.reads], [20, 1]);
});

test("a leader whose last tick is old, or that has not ticked yet, renews once a read has proved that it leads", async () => {
  const harness = leader();
  harness.consensus.lastTickMs = 0;
  harness.clock.advance(301);
  await harness.renew();
  assert.deepEqual([harness.outcome, harness.consensus.reads], [20, 1]);
});

const endings: [name: string, read: (harness: Harness) => Promise<void>][] = [
  [
    "another one leads",
    async ({ consensus }) => {
      consensus.leader = LEADER;
    },
  ],
  ["nobody confirms it", () => Promise.reject(new Error("etcdserver: request timed out"))],
];
for (const [name, read] of endings) {
  test(`a leader with an old tick renews nothing when ${name}`, async () => {
    const harness = leader();
    harness.clock.advance(301);
    harness.consensus.read = () => read(harness);
    await harness.renew();
    assert.equal(harness.outcome, "not a primary lessor");
    assert.equal(harness.lessor.timeToLive(7n, false)?.ttlSeconds, 20);
  });
}

test("a leader that is not the lessor yet renews as soon as it is", async () => {
  const harness = new Harness();
  harness.lessor.applyGrant(7n, 20);
  await harness.renew();
  await harness.pass(500);
  assert.equal(harness.outcome, undefined);
  harness.lessor.promote();
  await harness.pass(100);
  assert.equal(harness.outcome, 20);
  assert.deepEqual(harness.urls, []);
});

test("the renewal of an expired lease waits for its revoke, or goes to the next leader", async () => {
  const harness = leader();
  await harness.pass(21_000);
  await harness.renew();
  assert.equal(harness.outcome, undefined);
  harness.lessor.applyRevoke(7n);
  await settle();
  assert.equal(harness.outcome, 0);

  harness.lessor.applyGrant(7n, 2);
  await harness.pass(3_000);
  await harness.renew();
  harness.consensus.leader = LEADER;
  harness.lessor.demote();
  await settle();
  assert.deepEqual(harness.urls, ["POST http://a/leases"]);
  harness.peerRequests.sent[0]!.answer(200, hex("10 07 18 02"));
  await settle();
  assert.equal(harness.outcome, 2);
});

test("a follower asks the leader at each of its URLs", async () => {
  const harness = follower();
  await harness.renew();
  const { request } = harness.peerRequests.sent[0]!;
  assert.deepEqual(Buffer.from(request.body as Uint8Array), hex("08 07"));
  assert.equal(request.headers?.["content-type"], "application/protobuf");
  harness.peerRequests.sent[0]!.fail();
  await settle();
  assert.deepEqual(harness.urls, ["POST http://a/leases", "POST http://b/leases"]);
  harness.peerRequests.sent[1]!.answer(200, hex("10 07 18 64"));
  await settle();
  assert.equal(harness.outcome, 100);
});

const answers: [name: string, status: number, body: Buffer, want: number | undefined][] = [
  ["a renewal", 200, hex("10 07 18 64"), 100],
  ["a renewal with a header", 200, hex("0a 00 10 07 18 64"), 100],
  ["404 with any body", 404, Buffer.from("404 page not found\n"), 0],
  ["a 400", 400, Buffer.from("not a primary lessor\n"), undefined],
  [
    "a timeout",
    408,
    Buffer.from("waiting for node to catch up its applied index has timed out\n"),
    undefined,
  ],
  ["a redirect", 307, Buffer.alloc(0), undefined],
  ["the renewal of another lease", 200, hex("10 08 18 64"), undefined],
  ["what is no message", 200, hex("ff ff"), undefined],
  ["nothing", 200, Buffer.alloc(0), undefined],
];
for (const [name, status, body, want] of answers) {
  test(`${name} from the leader ${want === undefined ? "leads to the next attempt" : `means ${want}`}`, async () => {
    const harness = follower();
    await harness.renew();
    harness.peerRequests.sent[0]!.answer(status, body);
    await settle();
    assert.equal(harness.outcome, want);
    assert.equal(harness.urls.length, want === undefined ? 2 : 1);
  });
}

test("after all URLs there is a pause, and at the request timeout an end", async () => {
  const harness = follower();
  await harness.renew();
  for (let at = 0; at < 2; at++) {
    harness.peerRequests.sent[at]!.answer(500);
    await settle();
  }
  await harness.pass(40);
  assert.equal(harness.urls.length, 2);
  await harness.pass(20);
  assert.equal(harness.urls.length, 3);
  // From here on the leader does not answer at all.
  await harness.pass(6_900);
  assert.equal(harness.outcome, undefined);
  await harness.pass(150);
  assert.equal(harness.outcome, "etcdserver: request timed out");
});

test("a new leader is asked without waiting for the old one's answer", async () => {
  const harness = follower();
  await harness.renew();
  harness.consensus.leader = 0n;
  await harness.pass(1_000);
  assert.equal(harness.peerRequests.sent[0]!.aborted, true);
  harness.consensus.leader = 3n;
  await harness.pass(200);
  assert.equal(harness.urls.at(-1), "POST http://c/leases");
  harness.peerRequests.sent.at(-1)!.answer(200, hex("10 07 18 64"));
  await settle();
  assert.equal(harness.outcome, 100);
});

test("without a leader the answer is that there is none, after the request timeout", async () => {
  const harness = follower();
  harness.consensus.leader = 0n;
  await harness.renew();
  await harness.pass(6_900);
  assert.equal(harness.outcome, undefined);
  await harness.pass(200);
  assert.equal(harness.outcome, "etcdserver: no leader");
});

test("a member that becomes leader while it asks answers by itself", async () => {
  const harness = follower();
  await harness.renew();
  harness.consensus.leader = SELF;
  harness.lessor.promote();
  await harness.pass(200);
  assert.equal(harness.outcome, 20);
  assert.equal(harness.urls.length, 1);
});

for (const where of ["at the leader", "between attempts", "without a leader"]) {
  test(`a client that goes away ends the waiting ${where}`, async () => {
    const harness = follower();
    if (where === "without a leader") harness.consensus.leader = 0n;
    await harness.renew();
    if (where === "between attempts") {
      for (let at = 0; at < 2; at++) {
        harness.peerRequests.sent[at]!.fail();
        await settle();
      }
    }
    harness.caller.abort();
    await settle();
    assert.equal(harness.outcome, "etcdserver: request canceled");
  });
}
