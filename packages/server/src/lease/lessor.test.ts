import assert from "node:assert/strict";
import test from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import type { EntryVisitor } from "@quorate/storage/seams/backend";
import { DEFAULT_SLICE_LIMITS, inOneGo, type Slices } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { type FailureCode, RequestError } from "../errors.ts";
import type { LeaseCheckpoint } from "./deadlines.ts";
import { CorruptLeaseRecord } from "./lease-record.ts";
import { Lessor, type LessorOptions } from "./lessor.ts";

const utf8 = (text: string) => new Uint8Array(Buffer.from(text));
const texts = (keys: readonly Uint8Array[]) => keys.map((key) => Buffer.from(key).toString("latin1"));
const fails = (code: FailureCode) => (error: unknown) => error instanceof RequestError && error.code === code;

class Harness {
  readonly clock = new ManualClock();
  readonly backend = new MemoryBackend({ clock: this.clock });
  readonly lessor: Lessor;
  revokes: bigint[][] = [];
  checkpoints: LeaseCheckpoint[][] = [];
  checkpointDone: Promise<void> = Promise.resolve();

  constructor(options: Partial<LessorOptions> = {}) {
    this.lessor = new Lessor({
      clock: this.clock,
      backend: this.backend,
      proposals: {
        proposeRevoke: (ids) => {
          this.revokes.push([...ids]);
        },
        proposeCheckpoint: (checkpoints) => {
          this.checkpoints.push([...checkpoints]);
          return this.checkpointDone;
        },
      },
      minimumTtlSeconds: 2,
      electionTimeoutMs: 1000,
      requestTimeoutMs: 7000,
      checkpoints: false,
      hashSeed: 5,
      ...options,
    });
  }
}

test("the table of the specification, on one member", async () => {
  const { lessor, clock } = new Harness();
  lessor.promote();
  assert.equal(lessor.applyGrant(77n, 0), 2);
  assert.equal(lessor.applyGrant(-1n, -7), 2);
  assert.throws(() => lessor.applyGrant(3n, 9_000_000_001), fails("LEASE_TTL_TOO_LARGE"));
  assert.equal(lessor.applyGrant(3n, 9_000_000_000), 9_000_000_000);
  assert.throws(() => lessor.applyGrant(3n, 9_000_000_001), fails("LEASE_TTL_TOO_LARGE"));
  assert.throws(() => lessor.applyGrant(3n, 10), fails("LEASE_EXISTS"));
  assert.throws(() => lessor.applyGrant(0n, 10), fails("LEASE_NOT_FOUND"));
  clock.advance(1);
  assert.deepEqual(lessor.timeToLive(3n, false), {
    ttlSeconds: 8_999_999_999,
    grantedTtlSeconds: 9_000_000_000,
    keys: [],
  });
  assert.equal(lessor.timeToLive(999n, true), undefined);
  assert.equal(lessor.timeToLive(0n, true), undefined);
  assert.equal(lessor.renew(3n), 9_000_000_000);
  assert.throws(() => lessor.renew(999n), fails("LEASE_NOT_FOUND"));
  assert.throws(() => lessor.applyRevoke(999n), fails("LEASE_NOT_FOUND"));
  assert.equal((await lessor.leases()).at(-1), 3n);
  assert.deepEqual(lessor.applyRevoke(3n), []);
  assert.throws(() => lessor.applyRevoke(3n), fails("LEASE_NOT_FOUND"));
  assert.throws(() => lessor.attach(utf8("foo"), 8n), fails("LEASE_NOT_FOUND"));
  const { ttlSeconds, ...counts } = lessor.metrics;
  assert.deepEqual(counts, { granted: 3, revoked: 1, renewed: 1, expired: 0 });
  assert.deepEqual(ttlSeconds.counts, [0, 2, ...new Array<number>(22).fill(0)]);
  assert.deepEqual([ttlSeconds.count, ttlSeconds.sum], [3, 9_000_000_004]);
});

test("keys of a revoked lease come in the order of their bytes, not of their characters (L1)", () => {
  const { lessor } = new Harness();
  lessor.applyGrant(7n, 100);
  const surrogates = Uint8Array.of(0xf0, 0x90, 0x80, 0x80);
  const replacement = Uint8Array.of(0xef, 0xbf, 0xbd);
  for (const key of [
    Uint8Array.of(0xff),
    utf8("zz"),
    surrogates,
    utf8("aa"),
    replacement,
    utf8("Zz"),
    utf8("z"),
  ]) {
    lessor.attach(key, 7n);
  }
  assert.deepEqual(texts(lessor.applyRevoke(7n)), [
    "Zz",
    "aa",
    "z",
    "zz",
    "\xef\xbf\xbd",
    "\xf0\x90\x80\x80",
    "\xff",
  ]);
  assert.equal(lessor.attachedKeys, 0);
});

test("a key has one lease, and a put without one detaches (L4, L5)", () => {
  const { lessor } = new Harness();
  lessor.applyGrant(1n, 100);
  lessor.applyGrant(2n, 100);
  const key = utf8("foo");
  lessor.attach(key, 1n);
  lessor.attach(key, 2n);
  lessor.attach(key, 2n);
  assert.equal(lessor.leaseOf(key), 2n);
  assert.deepEqual(lessor.applyRevoke(1n), []);
  assert.deepEqual(texts(lessor.keysOf(2n)), ["foo"]);
  lessor.attach(key, 0n);
  assert.equal(lessor.leaseOf(key), 0n);
  lessor.detach(key);
  assert.deepEqual(lessor.applyRevoke(2n), []);
});

test("records are written at grant and checkpoint and deleted at revoke, renewals write nothing", () => {
  const { lessor, backend } = new Harness();
  const stored = () =>
    backend
      .entries("lease")
      .map(([key, value]) => [Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")]);
  lessor.promote();
  lessor.applyGrant(7n, 300);
  assert.deepEqual(stored(), [["0000000000000007", "080710ac02"]]);
  lessor.renew(7n);
  lessor.applyCheckpoint(7n, 290, false);
  assert.deepEqual(stored(), [["0000000000000007", "080710ac02"]]);
  lessor.applyCheckpoint(7n, 290, true);
  lessor.applyCheckpoint(8n, 290, true);
  assert.deepEqual(stored(), [["0000000000000007", "080710ac0218a202"]]);
  lessor.applyRevoke(7n);
  assert.deepEqual(stored(), []);
});

test("after a restart every lease and the last attachment of every key are back (L4 to L6)", () => {
  const before = new Harness();
  const ids = [-1n, 2n ** 63n - 1n, -(2n ** 63n), 5n];
  for (const id of ids) before.lessor.applyGrant(id, 300);
  before.lessor.applyCheckpoint(5n, 100, true);
  const { lessor } = new Harness({ minimumTtlSeconds: 400 });
  lessor.applyGrant(1n, 500);
  lessor.attach(utf8("old"), 1n);
  inOneGo(lessor.restoreSteps(before.backend));
  assert.equal(lessor.size, 4);
  assert.equal(lessor.attachedKeys, 0);
  assert.equal(lessor.restoreAttachment(utf8("a"), -1n), true);
  assert.equal(lessor.restoreAttachment(utf8("b"), 99n), false);
  lessor.promote();
  assert.equal(lessor.timeToLive(5n, false)!.ttlSeconds, 101);
  assert.deepEqual(lessor.timeToLive(-1n, true), {
    ttlSeconds: 401,
    grantedTtlSeconds: 400,
    keys: [utf8("a")],
  });
  assert.deepEqual(texts(lessor.applyRevoke(-1n)), ["a"]);
  before.backend.put("lease", utf8("short"), utf8(""));
  assert.throws(() => inOneGo(lessor.restoreSteps(before.backend)), CorruptLeaseRecord);
});

test("an expired lease is proposed after its deadline, again after the request timeout, until it is gone (L2)", () => {
  const { lessor, clock, revokes } = new Harness();
  lessor.promote();
  lessor.applyGrant(1n, 2);
  clock.advance(1999);
  assert.deepEqual(revokes, []);
  clock.advance(501);
  assert.deepEqual(revokes, [[1n]]);
  assert.equal(lessor.has(1n), true);
  lessor.attach(utf8("foo"), 1n);
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, 0);
  clock.advance(600);
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, -1);
  clock.advance(5800);
  assert.deepEqual(revokes, [[1n]]);
  clock.advance(600);
  assert.deepEqual(revokes, [[1n], [1n]]);
  lessor.applyRevoke(1n);
  clock.advance(20_000);
  assert.equal(revokes.length, 2);
});

test("at most 500 leases are proposed in a scan, oldest deadline first", () => {
  const { lessor, clock, revokes } = new Harness();
  lessor.promote();
  for (let i = 1200; i > 0; i--) {
    lessor.applyGrant(BigInt(i), 5);
    clock.advance(0.1);
  }
  clock.advance(6500);
  assert.deepEqual(
    revokes.flat(),
    Array.from({ length: 1200 }, (_, i) => BigInt(1200 - i)),
  );
  assert.deepEqual(
    revokes.map(({ length }) => length).filter((length) => length > 500),
    [],
  );
});

test("renewals keep a lease alive (L3)", () => {
  const { lessor, clock, revokes } = new Harness();
  lessor.promote();
  lessor.applyGrant(1n, 10);
  for (let i = 0; i < 6; i++) {
    clock.advance(5000);
    assert.equal(lessor.renew(1n), 10);
  }
  assert.deepEqual(revokes, []);
  clock.advance(10_500);
  assert.deepEqual(revokes, [[1n]]);
});

test("a member that is not the lessor has no deadlines, lists its leases and proposes nothing", async () => {
  const { lessor, clock, revokes } = new Harness();
  lessor.applyGrant(1n, 2);
  lessor.applyGrant(2n, 2);
  clock.advance(60_000);
  assert.deepEqual(revokes, []);
  assert.throws(() => lessor.renew(1n), fails("NOT_PRIMARY_LESSOR"));
  assert.throws(() => lessor.timeToLive(1n, false), fails("NOT_PRIMARY_LESSOR"));
  assert.equal(lessor.timeToLive(3n, false), undefined);
  assert.deepEqual((await lessor.leases()).sort(), [1n, 2n]);
});

test("a change of leader gives every lease its full time and an election timeout (L7)", () => {
  const { lessor, clock, revokes } = new Harness();
  lessor.promote();
  lessor.applyGrant(1n, 3);
  clock.advance(2900);
  lessor.demote();
  clock.advance(10_000);
  assert.deepEqual(revokes, []);
  lessor.promote();
  clock.advance(100);
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, 3);
  clock.advance(3800);
  assert.deepEqual(revokes, []);
  clock.advance(700);
  assert.deepEqual(revokes, [[1n]]);
});

test("a second promotion does not prolong anything", () => {
  const { lessor, clock } = new Harness();
  lessor.promote();
  lessor.applyGrant(1n, 30);
  clock.advance(10_000);
  lessor.promote();
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, 20);
});

test("the renewal of an expired lease waits until the revoke is applied (L10)", async () => {
  const { lessor, clock } = new Harness();
  lessor.promote();
  lessor.applyGrant(1n, 2);
  clock.advance(2000);
  const answers: string[] = [];
  const renewal = Promise.resolve(lessor.renew(1n)).catch((error: RequestError) => answers.push(error.code));
  const other = Promise.resolve(lessor.renew(1n)).catch((error: RequestError) => answers.push(error.code));
  clock.advance(5000);
  await Promise.resolve();
  assert.deepEqual(answers, []);
  lessor.applyRevoke(1n);
  assert.deepEqual(answers, [], "not before the caller's turn is over");
  await Promise.all([renewal, other]);
  assert.deepEqual(answers, ["LEASE_NOT_FOUND", "LEASE_NOT_FOUND"]);
});

test("a demotion releases the renewals that wait (L10)", async () => {
  const { lessor, clock } = new Harness();
  lessor.promote();
  lessor.applyGrant(1n, 2);
  clock.advance(2000);
  const renewal = lessor.renew(1n);
  lessor.demote();
  await assert.rejects(Promise.resolve(renewal), fails("NOT_PRIMARY_LESSOR"));
  assert.equal(lessor.has(1n), true);
});

test("a checkpoint shortens a lease at the next promotion and not before (L8)", () => {
  const { lessor, clock } = new Harness();
  lessor.applyGrant(1n, 10);
  lessor.promote();
  clock.advance(100);
  lessor.applyCheckpoint(1n, 5, false);
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, 10);
  lessor.demote();
  lessor.promote();
  clock.advance(100);
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, 5);
  assert.equal(lessor.timeToLive(1n, false)!.grantedTtlSeconds, 10);
});

test("long leases are checkpointed each interval, short and just renewed ones are not (L8)", () => {
  const { lessor, clock, checkpoints } = new Harness({ checkpoints: true });
  lessor.promote();
  lessor.applyGrant(1n, 1000);
  lessor.applyGrant(2n, 300);
  lessor.applyGrant(3n, 301);
  for (let i = 0; i < 2; i++) {
    clock.advance(149_800);
    lessor.renew(2n);
    lessor.renew(3n);
  }
  clock.advance(1000);
  assert.deepEqual(checkpoints, [[{ id: 1n, remainingTtlSeconds: 700 }]]);
  lessor.applyCheckpoint(1n, 700, true);
  clock.advance(250_000);
  lessor.renew(3n);
  clock.advance(51_000);
  // Lease 3 was put off by its renewal and is looked at again.
  assert.deepEqual(checkpoints.flat().slice(1), [
    { id: 3n, remainingTtlSeconds: 252 },
    { id: 1n, remainingTtlSeconds: 399 },
  ]);
});

test("checkpoints are not proposed without the feature, after a demotion or for an expired lease", () => {
  const off = new Harness();
  off.lessor.promote();
  off.lessor.applyGrant(1n, 1000);
  off.clock.advance(400_000);
  assert.deepEqual(off.checkpoints, []);
  const { lessor, clock, checkpoints } = new Harness({ checkpoints: true });
  lessor.promote();
  lessor.applyGrant(1n, 1000);
  clock.advance(299_900);
  lessor.demote();
  clock.advance(10_000);
  assert.deepEqual(checkpoints, []);
});

test("a checkpointed lease is renewed for its full time, and the checkpoint is undone first", async () => {
  const harness = new Harness({ checkpoints: true });
  const { lessor, clock } = harness;
  lessor.applyGrant(1n, 1000);
  lessor.applyCheckpoint(1n, 400, true);
  lessor.promote();
  let applied = () => {};
  harness.checkpointDone = new Promise((resolve) => {
    applied = resolve;
  });
  const renewal = lessor.renew(1n);
  assert.deepEqual(harness.checkpoints, [[{ id: 1n, remainingTtlSeconds: 0 }]]);
  lessor.applyCheckpoint(1n, 0, true);
  applied();
  assert.equal(await renewal, 1000);
  clock.advance(100);
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, 999);
  assert.equal(lessor.renew(1n), 1000);
});

test("a renewal that finds its lease revoked after the checkpoint says so (L16)", async () => {
  const harness = new Harness({ checkpoints: true });
  const { lessor } = harness;
  lessor.applyGrant(1n, 1000);
  lessor.applyCheckpoint(1n, 400, true);
  lessor.promote();
  harness.checkpointDone = Promise.reject(new Error("no quorum"));
  const renewal = lessor.renew(1n);
  lessor.applyRevoke(1n);
  await assert.rejects(Promise.resolve(renewal), fails("LEASE_NOT_FOUND"));
});

test("without the feature a checkpointed lease is renewed at once, for its full time", () => {
  const { lessor } = new Harness();
  lessor.applyGrant(1n, 1000);
  lessor.applyCheckpoint(1n, 400, true);
  lessor.promote();
  assert.equal(lessor.renew(1n), 1000);
  assert.equal(lessor.timeToLive(1n, false)!.ttlSeconds, 1000);
});

test("many leases of one TTL are spread over seconds after a promotion (L15)", () => {
  const { lessor, clock, revokes } = new Harness();
  for (let i = 1; i <= 2000; i++) lessor.applyGrant(BigInt(i), 10);
  lessor.promote();
  const proposedBy = (ms: number): number => {
    clock.advance(ms);
    return revokes.flat().length;
  };
  assert.equal(proposedBy(10_900), 0);
  const afterOne = proposedBy(1100);
  assert.ok(afterOne >= 700 && afterOne <= 800, `${afterOne}`);
  const afterTwo = proposedBy(1000);
  assert.ok(afterTwo >= 1450 && afterTwo <= 1550, `${afterTwo}`);
  assert.equal(proposedBy(1000), 2000);
});

test("a promotion with very many leases goes in slices, and what is asked of it meanwhile is right", () => {
  const { lessor, clock, revokes } = new Harness();
  const count = 40_000;
  for (let i = 1; i <= count; i++) lessor.applyGrant(BigInt(i), 1000 + i);
  lessor.promote();
  assert.equal(lessor.timeToLive(BigInt(count), false)!.ttlSeconds, 1001 + count);
  assert.equal(lessor.renew(BigInt(count - 1)), 999 + count);
  lessor.applyRevoke(5n);
  lessor.applyGrant(5n, 7);
  lessor.applyGrant(BigInt(count + 1), 9);
  let turns = 0;
  while (clock.runTurn()) turns += 1;
  assert.ok(turns >= 4, `${turns} turns`);
  assert.equal(lessor.timeToLive(5n, false)!.ttlSeconds, 7);
  assert.equal(lessor.timeToLive(100n, false)!.ttlSeconds, 1101);
  clock.advance(9500);
  assert.deepEqual(revokes, [[5n], [BigInt(count + 1)]]);
  lessor.demote();
  lessor.promote();
  lessor.demote();
  clock.settle();
  assert.throws(() => lessor.timeToLive(1n, false), fails("NOT_PRIMARY_LESSOR"));
});

test("the list is in the order of the deadlines and complete, also when it is gathered in slices", async () => {
  const { lessor, clock } = new Harness();
  lessor.promote();
  const count = 40_000;
  for (let i = 1; i <= count; i++) lessor.applyGrant(BigInt(i), 2 + ((i * 7919) % 100_000));
  const list = lessor.leases();
  let done = false;
  void list.then(() => {
    done = true;
  });
  while (!done) {
    clock.runTurn();
    await Promise.resolve();
  }
  const ids = await list;
  assert.equal(ids.length, count);
  const seconds = ids.map((id) => lessor.timeToLive(id, false)!.ttlSeconds);
  assert.ok(seconds.every((second, i) => i === 0 || seconds[i - 1]! <= second));
});

test("what is done with very many leases is done in slices", async () => {
  const { lessor, backend, clock } = new Harness();
  const count = 30_000;
  for (let i = 1; i <= count; i++) lessor.applyGrant(BigInt(i), 1000 + i);
  const { lessor: next } = new Harness({ clock });
  const most = 1.5 * DEFAULT_SLICE_LIMITS.turn;
  const inTurns = async <Result>(work: () => Result | Promise<Result>, slices: Slices): Promise<Result> => {
    clock.settle();
    slices.meter.mostInATurn = 0;
    let turns = 0;
    const done = Promise.resolve(work());
    for (; clock.runTurn(); turns++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(turns > 5, `${turns} turns`);
    assert.ok(slices.meter.mostInATurn < most, `${slices.meter.mostInATurn}`);
    return done;
  };
  // All at once, since it takes the memory backend long to find a page.
  const records = backend.entries("lease");
  let at = 0;
  const paged = {
    visitEntries: (_table: string, _from: Uint8Array, limit: number, visitor: EntryVisitor) => {
      for (const [key, value] of records.slice(at, at + limit)) visitor(key, value);
      at += limit;
      return at < records.length ? new Uint8Array(0) : undefined;
    },
  };
  await inTurns(() => next.restore(paged), next.reading);
  assert.equal(next.size, count);
  await inTurns(() => next.promote(), next.promoting);
  assert.equal(next.timeToLive(BigInt(count), false)?.ttlSeconds, 1001 + count);
  assert.equal((await inTurns(() => next.leases(), next.reading)).length, count);
  for (let i = 0; i < 20_000; i++) next.attach(utf8(`k${(i * 7919) % 20_000}`), 1n);
  const keys = await inTurns(() => next.reading.run(next.sortedKeysSteps(1n)), next.reading);
  assert.deepEqual(
    keys.map((key) => Buffer.from(key).toString()),
    Array.from({ length: 20_000 }, (_, i) => `k${i}`).sort(),
  );
});

test("with feature LeaseCheckpointPersist a checkpoint is kept whatever the cluster version", () => {
  for (const persistCheckpoints of [false, true]) {
    const { lessor, backend } = new Harness({ persistCheckpoints });
    lessor.applyGrant(7n, 300);
    lessor.applyCheckpoint(7n, 290, false);
    const { lessor: next } = new Harness();
    inOneGo(next.restoreSteps(backend));
    next.promote();
    assert.equal(next.timeToLive(7n, false)?.ttlSeconds, persistCheckpoints ? 291 : 301);
  }
});

test("a lease that was renewed while its checkpoint was on its way is checkpointed anew", () => {
  const { lessor, checkpoints, clock } = new Harness({ checkpoints: true });
  lessor.promote();
  lessor.applyGrant(7n, 900);
  clock.advance(300_500);
  assert.deepEqual(checkpoints, [[{ id: 7n, remainingTtlSeconds: 600 }]]);
  lessor.renew(7n);
  lessor.applyCheckpoint(7n, 600, true);
  assert.deepEqual(checkpoints.slice(1), [[{ id: 7n, remainingTtlSeconds: 0 }]]);
  lessor.applyCheckpoint(7n, 0, true);
  assert.equal(checkpoints.length, 2);
});

test("a lease is expired only for the lessor, and no longer after the next promotion", () => {
  const { lessor, clock } = new Harness();
  lessor.applyGrant(7n, 2);
  assert.equal(lessor.isExpired(7n), false);
  lessor.promote();
  clock.advance(3_000);
  assert.equal(lessor.isExpired(7n), true);
  assert.equal(lessor.isExpired(8n), false);
  const { promotions } = lessor;
  lessor.demote();
  assert.equal(lessor.isExpired(7n), false);
  lessor.promote();
  assert.equal(lessor.isExpired(7n), false);
  assert.notEqual(lessor.promotions, promotions);
});
