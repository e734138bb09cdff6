import assert from "node:assert/strict";
import test from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { inOneGo } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { encodeLeaseKey, encodeLeaseRecord } from "@quorate/wire/hot";

import { Lessor } from "./lessor.ts";

const utf8 = (text: string) => new Uint8Array(Buffer.from(text));

function makeLessor(
  clock: ManualClock,
  backend = new MemoryBackend({ clock }),
  onRevoke = (_ids: readonly bigint[]) => {},
) {
  return new Lessor({
    clock,
    backend,
    proposals: { proposeRevoke: onRevoke, proposeCheckpoint: async () => {} },
    minimumTtlSeconds: 2,
    electionTimeoutMs: 1000,
    requestTimeoutMs: 7000,
    checkpoints: false,
    hashSeed: 3,
  });
}

/** A lessor restored from records, as from a received database. */
function restored(
  clock: ManualClock,
  leases: readonly (readonly [id: bigint, ttlSeconds: number, ...keys: string[]])[],
) {
  const lessor = makeLessor(clock);
  const records = leases.map(
    ([id, ttlSeconds]) => [encodeLeaseKey(id), encodeLeaseRecord(id, ttlSeconds, 0)] as const,
  );
  inOneGo(
    lessor.restoreSteps({
      visitEntries: (_table, _from, _limit, visitor) => {
        for (const [key, value] of records) visitor(key, value);
        return undefined;
      },
    }),
  );
  for (const [id, , ...keys] of leases) for (const key of keys) lessor.restoreAttachment(utf8(key), id);
  return lessor;
}

test("leases and keys are those of the other one, and later entries change the own database", async () => {
  const clock = new ManualClock();
  const backend = new MemoryBackend({ clock });
  const lessor = makeLessor(clock, backend);
  lessor.applyGrant(1n, 10);
  lessor.applyGrant(2n, 10);
  lessor.attach(utf8("old"), 1n);
  lessor.attach(utf8("both"), 2n);
  const other = restored(clock, [
    [2n, 20, "both", "new"],
    [-3n, 30],
  ]);
  lessor.become(other);
  assert.deepEqual((await lessor.leases()).sort(), [-3n, 2n]);
  assert.equal(lessor.has(1n), false);
  assert.equal(lessor.leaseOf(utf8("old")), 0n);
  assert.equal(lessor.leaseOf(utf8("new")), 2n);
  assert.equal(lessor.attachedKeys, 2);
  assert.deepEqual([other.size, other.attachedKeys], [0, 0]);
  // What happens to one is not seen by the other.
  other.applyGrant(9n, 10);
  assert.equal(lessor.has(9n), false);
  lessor.attach(utf8("more"), -3n);
  assert.equal(other.leaseOf(utf8("more")), 0n);
  lessor.applyGrant(4n, 10);
  assert.notEqual(backend.get("lease", encodeLeaseKey(4n)), undefined);
  assert.deepEqual(lessor.applyRevoke(2n).map(String), [utf8("both"), utf8("new")].map(String));
});

test("a member that is not the lessor stays none, and gives deadlines at its promotion", () => {
  const clock = new ManualClock();
  const lessor = makeLessor(clock);
  lessor.applyGrant(1n, 10);
  lessor.become(restored(clock, [[2n, 20]]));
  assert.equal(lessor.isPrimary, false);
  assert.throws(() => lessor.timeToLive(2n, false), { code: "NOT_PRIMARY_LESSOR" });
  lessor.promote();
  assert.deepEqual(lessor.timeToLive(2n, false), { ttlSeconds: 21, grantedTtlSeconds: 20, keys: [] });
  assert.equal(lessor.timeToLive(1n, false), undefined);
});

test("a lessor stays one: deadlines begin anew, waiting renewals are told to ask again", async () => {
  const clock = new ManualClock();
  const revoked: bigint[] = [];
  const lessor = makeLessor(clock, undefined, (ids) => revoked.push(...ids));
  lessor.applyGrant(1n, 2);
  lessor.applyGrant(2n, 2);
  lessor.promote();
  clock.advance(3_000);
  const waiting = [lessor.renew(1n), lessor.renew(2n)] as Promise<number>[];
  const outcomes = Promise.allSettled(waiting);
  revoked.length = 0;
  lessor.become(restored(clock, [[2n, 2]]));
  for (const outcome of await outcomes) {
    assert.equal(outcome.status === "rejected" && outcome.reason.code, "NOT_PRIMARY_LESSOR");
  }
  assert.throws(() => lessor.renew(1n), { code: "LEASE_NOT_FOUND" });
  assert.equal(lessor.timeToLive(2n, false)?.ttlSeconds, 3);
  assert.equal(lessor.renew(2n), 2);
  clock.advance(2_600);
  assert.deepEqual(revoked, [2n]);
});

test("a list that is being gathered is that of before or of after", async () => {
  const clock = new ManualClock();
  const many = Array.from({ length: 40_000 }, (_, i) => [BigInt(i + 1), 10] as const);
  const lessor = restored(clock, many);
  lessor.promote();
  clock.settle();
  const gathering = lessor.leases();
  clock.runTurn();
  await Promise.resolve();
  lessor.become(restored(clock, [[-1n, 10]]));
  const listed = gathering.then((ids) => ids.length);
  let done = false;
  void listed.finally(() => {
    done = true;
  });
  while (!done) {
    clock.runTurn();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await listed, 1);
});

test("only a lessor that nobody uses can be taken over", () => {
  const clock = new ManualClock();
  const lessor = makeLessor(clock);
  assert.throws(() => lessor.become(lessor));
  const other = makeLessor(clock);
  other.promote();
  assert.throws(() => lessor.become(other));
});
