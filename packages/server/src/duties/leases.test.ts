import assert from "node:assert/strict";
import test from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { ManualClock } from "@quorate/testkit/clock";
import type { ApiContext } from "../api/context.ts";
import { NO_IDENTITIES } from "../api/identities.testing.ts";
import { settle } from "../api/lease/testing.ts";
import { RequestIds } from "../cluster/request-ids.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Proposal } from "../consensus/proposal.ts";
import { RequestError } from "../errors.ts";
import type { Lessor } from "../lease/lessor.ts";
import { silentLogger } from "../log/logger.ts";
import { openStore } from "../mvcc/testing.ts";
import { OPEN_ACCESS } from "../operations/open-access.testing.ts";
import type { ReplicatedState } from "../operations/state.ts";
import { createLessor } from "./leases.ts";

/** A leader whose log applies what is proposed when the test says so. */
class Harness {
  readonly clock = new ManualClock();
  readonly backend = new MemoryBackend({ clock: this.clock });
  readonly proposed: Proposal[] = [];
  readonly warnings: string[] = [];
  readonly consensus = {
    isLeader: true,
    lastTickMs: 0,
    committedIndex: 0,
    appliedIndex: 0,
    overloaded: false,
    read: async () => {},
    linearizable: () => this.consensus.read(),
    propose: (proposal: Proposal) => {
      this.proposed.push(proposal);
    },
  };
  readonly config = {
    heartbeatMs: 100,
    maxRequestBytes: 1_000_000,
    features: { LeaseCheckpoint: true, LeaseCheckpointPersist: true, PriorityRequest: false },
  };
  readonly lessor: Lessor = createLessor({
    config: this.config as unknown as ServerConfig,
    backend: this.backend,
    clock: this.clock,
    random: { below: () => 1 },
    requestTimeoutMs: 7_000,
    electionTimeoutMs: 1_000,
    context: () => this.context,
    log: { ...silentLogger, warn: (message: string) => this.warnings.push(message) } as typeof silentLogger,
  });
  readonly context = {
    clock: this.clock,
    config: this.config,
    consensus: this.consensus,
    lessor: this.lessor,
    ids: new RequestIds(1n, 0),
    identities: NO_IDENTITIES,
  } as unknown as ApiContext;

  /** Time passes with ticks, and with what promises lead to. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      this.clock.advance(100);
      this.consensus.lastTickMs = this.clock.nowMs();
      await settle();
    }
  }

  /** Applies what was proposed; returns how many that were. */
  async apply(): Promise<number> {
    const store = await openStore(this.backend, { clock: this.clock });
    const state = {
      store,
      lessor: this.lessor,
      alarms: { corrupt: false },
      access: OPEN_ACCESS,
      membership: { isVersionAtLeast: () => true },
    } as unknown as ReplicatedState;
    const proposals = this.proposed.splice(0);
    for (const proposal of proposals) await proposal.apply(state);
    await settle();
    return proposals.length;
  }
}

test("expired leases are revoked through the log, 16 at a time, never by another leader", async () => {
  const { lessor, proposed, ...harness } = bound(new Harness());
  lessor.promote();
  for (let id = 1n; id <= 20n; id++) lessor.applyGrant(id, 2);
  await harness.pass(3_000);
  assert.equal(proposed.length, 16);
  assert.ok(proposed.every(({ leaderOnly }) => leaderOnly));
  await harness.apply();
  await harness.apply();
  assert.equal(lessor.size, 0);
  assert.equal(lessor.metrics.expired, 20);
});

test("a leader that cannot prove it leads revokes nothing", async () => {
  const harness = new Harness();
  const { lessor, consensus } = harness;
  lessor.promote();
  lessor.applyGrant(7n, 2);
  await harness.pass(1_500);
  consensus.read = () => Promise.reject(new RequestError("TIMEOUT"));
  // Time that passes without ticks: the process stood still, or its ticking did.
  harness.clock.advance(2_000);
  await settle();
  assert.deepEqual(harness.proposed, []);
  consensus.read = async () => {};
  await harness.pass(8_000);
  assert.equal(await harness.apply(), 1);
});

test("what a former time as leader found expired is not revoked in a later one", async () => {
  const harness = new Harness();
  const { lessor, consensus } = harness;
  lessor.promote();
  lessor.applyGrant(7n, 2);
  let confirm = () => {};
  consensus.read = () =>
    new Promise((resolve) => {
      confirm = resolve;
    });
  await harness.pass(1_000);
  harness.clock.advance(1_500);
  await settle();
  // The batch waits for its proof; meanwhile another one led, and renewed the lease.
  lessor.demote();
  lessor.promote();
  consensus.lastTickMs = harness.clock.nowMs();
  confirm();
  await settle();
  assert.deepEqual(harness.proposed, []);
  assert.deepEqual(harness.warnings, []);
});

test("in the middle of a batch leadership may end", async () => {
  const harness = new Harness();
  const { lessor, consensus } = harness;
  lessor.promote();
  for (let id = 1n; id <= 40n; id++) lessor.applyGrant(id, 2);
  await harness.pass(3_000);
  assert.equal(harness.proposed.length, 16);
  const proposals = harness.proposed.splice(0);
  consensus.isLeader = false;
  lessor.demote();
  for (const proposal of proposals) proposal.fail(new RequestError("NOT_PRIMARY_LESSOR"));
  await settle();
  assert.deepEqual(harness.proposed, []);
  assert.deepEqual(harness.warnings, []);
});

test("a revoke that fails is logged and comes again after the request timeout", async () => {
  const harness = new Harness();
  const { lessor } = harness;
  lessor.promote();
  lessor.applyGrant(7n, 2);
  await harness.pass(3_000);
  harness.proposed.splice(0)[0]!.fail(new RequestError("TIMEOUT"));
  await settle();
  assert.deepEqual(harness.warnings, ["failed to revoke an expired lease"]);
  await harness.pass(5_500);
  assert.equal(harness.proposed.length, 0);
  await harness.pass(1_500);
  assert.equal(await harness.apply(), 1);
  assert.equal(lessor.size, 0);
});

test("checkpoints are proposed by a proved leader, and only of its present time as leader", async () => {
  const harness = new Harness();
  const { lessor, consensus } = harness;
  lessor.promote();
  lessor.applyGrant(7n, 900);
  await harness.pass(300_500);
  assert.equal(harness.proposed.length, 1);
  assert.equal(harness.proposed[0]!.leaderOnly, true);
  await harness.apply();
  let confirm = () => {};
  consensus.read = () =>
    new Promise((resolve) => {
      confirm = resolve;
    });
  harness.clock.advance(301_000);
  await settle();
  lessor.demote();
  lessor.promote();
  consensus.lastTickMs = harness.clock.nowMs();
  confirm();
  await settle();
  assert.deepEqual(harness.proposed, []);
});

/** Methods that can be taken off their object. */
function bound(harness: Harness) {
  return {
    lessor: harness.lessor,
    proposed: harness.proposed,
    pass: (ms: number) => harness.pass(ms),
    apply: () => harness.apply(),
  };
}
