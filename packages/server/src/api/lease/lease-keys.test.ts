import assert from "node:assert/strict";
import test from "node:test";
import { DEFAULT_SLICE_LIMITS, Slices, type Steps } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { decode, encode } from "@quorate/wire";
import { LeaseLeasesResponseSchema, LeaseTimeToLiveResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodeLeaseInternalHead } from "@quorate/wire/hot";
import { isRefusedWith } from "../../errors.ts";
import type { Lessor } from "../../lease/lessor.ts";
import { keyFieldsOf, readInternalSteps } from "./lease-keys.ts";
import { responseSteps } from "./leases.ts";
import { newLessor } from "./testing.ts";

/** Does it in slices, of which there must be some, and none may be long. */
async function inSlices<Result>(steps: Steps<Result>): Promise<Result> {
  const slices = new Slices(ManualClock.withRealTurns());
  const result = await slices.run(steps);
  await slices.next();
  assert.ok(slices.meter.turns > 3, `${slices.meter.turns} turns`);
  assert.ok(slices.meter.mostInATurn < 1.2 * DEFAULT_SLICE_LIMITS.turn, `${slices.meter.mostInATurn}`);
  return result;
}

/** A lessor whose lease 7 has these keys, with slices of its own. */
function lessorWith(keys: readonly Uint8Array[]): Lessor {
  const lessor = newLessor(ManualClock.withRealTurns());
  lessor.applyGrant(7n, 20);
  for (const key of keys) lessor.attach(key, 7n);
  return lessor;
}

const manyKeys = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`${i}`.padStart(20, "k")));

function sorted(keys: readonly Uint8Array[]): Buffer[] {
  return keys.map((key) => Buffer.from(key)).sort(Buffer.compare);
}

test("very many keys of a lease are told a client, and another member, in slices", async () => {
  const lessor = lessorWith(manyKeys);
  const { meter } = lessor.reading;
  const fields = await keyFieldsOf(lessor, 7n, { ended: false });
  assert.ok(meter.turns > 3, `${meter.turns} turns`);
  assert.ok(meter.mostInATurn < 1.2 * DEFAULT_SLICE_LIMITS.turn, `${meter.mostInATurn}`);
  const head = encode(LeaseTimeToLiveResponseSchema, { ID: 7n, TTL: 5n, grantedTTL: 10n });
  const whole = Buffer.concat([head, ...fields]);
  const told = decode(LeaseTimeToLiveResponseSchema, whole);
  assert.deepEqual([told.ID, told.TTL, told.grantedTTL], [7n, 5n, 10n]);
  assert.deepEqual(sorted(told.keys), sorted(manyKeys));

  const internal = Buffer.concat([encodeLeaseInternalHead(whole.length), whole]);
  const read = await inSlices(readInternalSteps(internal));
  assert.deepEqual([read?.id, read?.ttlSeconds, read?.grantedTtlSeconds], [7n, 5n, 10n]);
  // One view on all of them: as many objects as keys would keep the collector busy.
  assert.equal(read?.keyFields.length, 1);
  assert.deepEqual(Buffer.from(read!.keyFields[0]!), Buffer.concat(fields));
});

test("the keys of a lease are not told to the end when nobody wants them any more, and can be detached behind it", async () => {
  const lessor = lessorWith(manyKeys);
  const asker = { ended: false };
  const told = keyFieldsOf(lessor, 7n, asker);
  asker.ended = true;
  await assert.rejects(told, (error) => isRefusedWith(error, "CANCELED"));
  for (const key of manyKeys) lessor.detach(key);
  assert.deepEqual(await keyFieldsOf(lessor, 7n, { ended: false }), []);
});

test("of a lease that is not there, and of one without keys, nothing is told", async () => {
  const lessor = lessorWith([]);
  for (const id of [7n, 8n]) assert.deepEqual(await keyFieldsOf(lessor, id, { ended: false }), []);
});

test("very many leases are listed in slices", async () => {
  const ids = Array.from({ length: 30_000 }, (_, i) => BigInt(i * 7919) - 1_000_000n);
  const head = encode(LeaseLeasesResponseSchema, { header: { revision: 9n } });
  const parts = await inSlices(responseSteps(head, ids));
  const { header, leases } = decode(LeaseLeasesResponseSchema, Buffer.concat(parts));
  assert.equal(header?.revision, 9n);
  assert.deepEqual(
    leases.map(({ ID }) => ID),
    ids,
  );
});
