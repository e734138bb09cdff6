import assert from "node:assert/strict";
import test from "node:test";
import { DEFAULT_SLICE_LIMITS, Slices, type Steps } from "@quorate/storage/slices";
import { ManualClock } from "@quorate/testkit/clock";
import { decode, encode } from "@quorate/wire";
import { LeaseLeasesResponseSchema, LeaseTimeToLiveResponseSchema } from "@quorate/wire/etcdserverpb";
import { internalWithKeysSteps, readInternalSteps, withKeysSteps } from "./lease-keys.ts";
import { responseSteps } from "./leases.ts";

/** Does it in slices, of which there must be some, and none may be long. */
async function inSlices<Result>(steps: Steps<Result>): Promise<Result> {
  const slices = new Slices(ManualClock.withRealTurns());
  const result = await slices.run(steps);
  await slices.next();
  assert.ok(slices.meter.turns > 3, `${slices.meter.turns} turns`);
  assert.ok(slices.meter.mostInATurn < 1.2 * DEFAULT_SLICE_LIMITS.turn, `${slices.meter.mostInATurn}`);
  return result;
}

test("very many keys of a lease are told a client, and another member, in slices", async () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`${i}`.padStart(20, "k")));
  const status = { ID: 7n, TTL: 5n, grantedTTL: 10n };
  const head = encode(LeaseTimeToLiveResponseSchema, status);
  const told = decode(LeaseTimeToLiveResponseSchema, await inSlices(withKeysSteps(head, keys)));
  assert.deepEqual([told.ID, told.TTL, told.grantedTTL], [7n, 5n, 10n]);
  assert.deepEqual(
    told.keys.map((key) => Buffer.from(key)),
    keys,
  );
  const internal = await inSlices(internalWithKeysSteps(head, keys));
  const read = await inSlices(readInternalSteps(internal));
  assert.deepEqual([read?.id, read?.ttlSeconds, read?.grantedTtlSeconds], [7n, 5n, 10n]);
  assert.deepEqual(
    read?.keys.map((key) => Buffer.from(key)),
    keys,
  );
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
