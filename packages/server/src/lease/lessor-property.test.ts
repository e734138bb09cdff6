import assert from "node:assert/strict";
import test from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { inOneGo } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { fc } from "@quorate/testkit/property";
import { RequestError } from "../errors.ts";
import { Lessor } from "./lessor.ts";

const MINIMUM_TTL = 2;
const ELECTION_MS = 1000;
const REQUEST_MS = 7000;
const SCAN_MS = 500;

const anyId = fc.constantFrom(1n, 2n, 3n, -1n, 2n ** 62n, -(2n ** 63n));
const anyKey = fc.constantFrom("", "a", "aa", "b", "\xff", "\xff\0");
const anyStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("grant" as const),
      id: anyId,
      ttl: fc.integer({ min: -2, max: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("revoke" as const), id: anyId }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("attach" as const), id: anyId, key: anyKey }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("detach" as const), key: anyKey }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("renew" as const), id: anyId }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("checkpoint" as const),
      id: anyId,
      remaining: fc.integer({ min: 0, max: 10 }),
      persist: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lead" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("follow" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("applyRevokes" as const) }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

interface ModelLease {
  readonly ttl: number;
  remaining: number;
  stored: number;
  /** Undefined without one. */
  deadlineMs: number | undefined;
  proposedMs: number;
}

/** The lessor beside two maps that nobody could get wrong. */
class Trial {
  readonly clock = new ManualClock();
  readonly backend = new MemoryBackend({ clock: this.clock });
  lessor = this.start();
  readonly leases = new Map<bigint, ModelLease>();
  readonly keys = new Map<string, bigint>();
  primary = false;
  promotedMs = 0;
  proposed: bigint[] = [];
  /** Renewals that wait, by lease. */
  readonly waiting: { id: bigint; outcome: string | undefined }[] = [];

  start(): Lessor {
    return new Lessor({
      clock: this.clock,
      backend: this.backend,
      proposals: {
        proposeRevoke: (ids) => this.propose(ids),
        proposeCheckpoint: () => Promise.resolve(),
      },
      minimumTtlSeconds: MINIMUM_TTL,
      electionTimeoutMs: ELECTION_MS,
      requestTimeoutMs: REQUEST_MS,
      checkpoints: false,
      hashSeed: 1,
    });
  }

  propose(ids: readonly bigint[]): void {
    const nowMs = this.clock.nowMs();
    assert.ok(this.primary, "proposed by a follower");
    let before = Number.NEGATIVE_INFINITY;
    for (const id of ids) {
      const lease = this.leases.get(id)!;
      assert.ok(lease.deadlineMs! <= nowMs, "proposed before its time");
      assert.ok(nowMs - lease.proposedMs >= REQUEST_MS, "proposed again too soon");
      if (lease.proposedMs === Number.NEGATIVE_INFINITY) {
        assert.ok(lease.deadlineMs! >= before, "not in the order of deadlines");
        before = lease.deadlineMs!;
      }
      lease.proposedMs = nowMs;
    }
    this.proposed.push(...ids);
  }

  run(step: Step): void {
    switch (step.do) {
      case "grant":
        this.grant(step.id, step.ttl);
        return;
      case "revoke":
        this.revoke(step.id);
        return;
      case "attach":
        if (this.leases.has(step.id)) {
          this.lessor.attach(bytes(step.key), step.id);
          this.keys.set(step.key, step.id);
        } else
          assert.equal(
            codeOf(() => this.lessor.attach(bytes(step.key), step.id)),
            "LEASE_NOT_FOUND",
          );
        return;
      case "detach":
        this.lessor.detach(bytes(step.key));
        this.keys.delete(step.key);
        return;
      case "renew":
        this.renew(step.id);
        return;
      case "checkpoint": {
        this.lessor.applyCheckpoint(step.id, step.remaining, step.persist);
        const lease = this.leases.get(step.id);
        if (lease === undefined) return;
        lease.remaining = step.remaining;
        if (step.persist) lease.stored = step.remaining;
        return;
      }
      case "pass":
        this.clock.advance(step.ms);
        return;
      case "lead":
        this.lead();
        return;
      case "follow":
        this.lessor.demote();
        this.forgetDeadlines();
        return;
      case "restart":
        this.restart();
        return;
      case "applyRevokes":
        for (const id of new Set(this.proposed.splice(0))) if (this.leases.has(id)) this.revoke(id);
        return;
    }
  }

  check(): void {
    const { lessor, leases, keys } = this;
    const nowMs = this.clock.nowMs();
    assert.equal(lessor.size, leases.size);
    assert.equal(lessor.attachedKeys, keys.size);
    assert.equal(lessor.isPrimary, this.primary);
    for (const [key, id] of keys) assert.equal(lessor.leaseOf(bytes(key)), id);
    for (const [id, lease] of leases) {
      assert.ok(lessor.has(id));
      const attached = [...keys].filter(([, of]) => of === id).map(([key]) => key);
      assert.deepEqual(lessor.keysOf(id).map(text).sort(), attached.sort());
      if (!this.primary) {
        assert.equal(
          codeOf(() => lessor.timeToLive(id, false)),
          "NOT_PRIMARY_LESSOR",
        );
        continue;
      }
      const status = lessor.timeToLive(id, false)!;
      assert.equal(status.ttlSeconds, Math.trunc((lease.deadlineMs! - nowMs) / 1000) + 0);
      assert.equal(status.grantedTtlSeconds, lease.ttl);
      const overdueMs = nowMs - Math.max(lease.deadlineMs!, this.promotedMs);
      if (overdueMs > SCAN_MS)
        assert.notEqual(lease.proposedMs, Number.NEGATIVE_INFINITY, "not proposed in time");
    }
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await Promise.resolve();
    for (const { id, outcome } of this.waiting) {
      if (outcome === undefined) assert.ok(this.leases.has(id) && this.primary, "a renewal is stuck");
    }
  }

  private grant(id: bigint, ttl: number): void {
    if (this.leases.has(id)) {
      assert.equal(
        codeOf(() => this.lessor.applyGrant(id, ttl)),
        "LEASE_EXISTS",
      );
      return;
    }
    const want = Math.max(ttl, MINIMUM_TTL);
    assert.equal(this.lessor.applyGrant(id, ttl), want);
    this.leases.set(id, {
      ttl: want,
      remaining: 0,
      stored: 0,
      deadlineMs: this.primary ? this.clock.nowMs() + want * 1000 : undefined,
      proposedMs: Number.NEGATIVE_INFINITY,
    });
  }

  private revoke(id: bigint): void {
    if (!this.leases.has(id)) {
      assert.equal(
        codeOf(() => this.lessor.applyRevoke(id)),
        "LEASE_NOT_FOUND",
      );
      return;
    }
    const want = [...this.keys].filter(([, of]) => of === id).map(([key]) => Buffer.from(key, "latin1"));
    assert.deepEqual(this.lessor.applyRevoke(id).map(text), want.sort(Buffer.compare).map(text));
    for (const key of want) this.keys.delete(text(key));
    this.leases.delete(id);
    for (const renewal of this.waiting) {
      if (renewal.id === id && renewal.outcome === undefined) renewal.outcome = "due: LEASE_NOT_FOUND";
    }
  }

  private renew(id: bigint): void {
    const lease = this.leases.get(id);
    if (!this.primary) {
      assert.equal(
        codeOf(() => this.lessor.renew(id)),
        "NOT_PRIMARY_LESSOR",
      );
    } else if (lease === undefined) {
      assert.equal(
        codeOf(() => this.lessor.renew(id)),
        "LEASE_NOT_FOUND",
      );
    } else if (lease.deadlineMs! > this.clock.nowMs()) {
      assert.equal(this.lessor.renew(id), lease.ttl);
      lease.deadlineMs = this.clock.nowMs() + lease.ttl * 1000;
    } else {
      const renewal: { id: bigint; outcome: string | undefined } = { id, outcome: undefined };
      this.waiting.push(renewal);
      Promise.resolve(this.lessor.renew(id)).then(
        () => assert.fail("an expired lease was revived"),
        (error: RequestError) => {
          assert.equal(renewal.outcome, `due: ${error.code}`);
          renewal.outcome = error.code;
        },
      );
    }
  }

  private lead(): void {
    this.lessor.promote();
    if (this.primary) return;
    this.primary = true;
    this.promotedMs = this.clock.nowMs();
    for (const lease of this.leases.values()) {
      const seconds = lease.remaining > 0 ? lease.remaining : lease.ttl;
      lease.deadlineMs = this.promotedMs + ELECTION_MS + seconds * 1000;
    }
  }

  private forgetDeadlines(): void {
    this.primary = false;
    for (const lease of this.leases.values()) {
      lease.deadlineMs = undefined;
      lease.proposedMs = Number.NEGATIVE_INFINITY;
    }
    for (const renewal of this.waiting) renewal.outcome ??= "due: NOT_PRIMARY_LESSOR";
  }

  private restart(): void {
    this.lessor.demote();
    this.forgetDeadlines();
    this.lessor = this.start();
    inOneGo(this.lessor.restoreSteps(this.backend));
    for (const lease of this.leases.values()) lease.remaining = lease.stored;
    for (const [key, id] of this.keys) assert.equal(this.lessor.restoreAttachment(bytes(key), id), true);
  }
}

function bytes(key: string): Uint8Array {
  return Uint8Array.from(Buffer.from(key, "latin1"));
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
  return "none";
}

test("leases, keys, deadlines and renewals are what two maps and a list say", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 120 }), async (steps) => {
      const trial = new Trial();
      for (const step of steps) {
        trial.run(step);
        trial.check();
        await trial.settle();
      }
    }),
    { numRuns: 200 },
  );
});
