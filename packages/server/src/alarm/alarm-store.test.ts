import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { realClock } from "@quorate/storage/seams/real-clock";
import { AlarmStore, AlarmType } from "./alarm-store.ts";

test("alarms are idempotent, exact, and survive a restart under etcd's key", () => {
  const backend = new MemoryBackend({ clock: realClock });
  const alarms = new AlarmStore(backend);
  assert.deepEqual(alarms.activate(0x10n, AlarmType.NONE), []);
  const raised = [{ memberId: 0x10n, type: AlarmType.NOSPACE }];
  assert.deepEqual(alarms.activate(0x10n, AlarmType.NOSPACE), raised);
  assert.deepEqual(alarms.activate(0x10n, AlarmType.NOSPACE), raised);
  assert.deepEqual(
    backend.entries("alarm").map(([key]) => Buffer.from(key).toString("hex")),
    ["08101001"],
  );
  const again = new AlarmStore(backend);
  again.restore();
  assert.equal(again.noSpace, true);
  assert.equal(again.corrupt, false);
  assert.deepEqual(again.list(AlarmType.NONE), raised);
  assert.deepEqual(again.list(AlarmType.CORRUPT), []);
  assert.deepEqual(again.deactivate(0x11n, AlarmType.NOSPACE), []);
  assert.deepEqual(again.deactivate(0x10n, AlarmType.NOSPACE), raised);
  assert.equal(again.noSpace, false);
  assert.deepEqual(backend.entries("alarm"), []);
});

test("of many alarms, also of members that are none, each is found, listed in its place and switched off", () => {
  const alarms = new AlarmStore(new MemoryBackend({ clock: realClock }));
  const types = [AlarmType.NOSPACE, AlarmType.CORRUPT];
  const want = Array.from({ length: 1_000 }, (_, i) => ({ memberId: BigInt(i >> 1), type: types[i % 2]! }));
  for (const { memberId, type } of want) alarms.activate(memberId, type);
  const before = alarms.list(AlarmType.NONE);
  assert.deepEqual(before, want);
  for (const { memberId, type } of want) {
    if (type === AlarmType.NOSPACE) assert.equal(alarms.deactivate(memberId, type).length, 1);
  }
  assert.deepEqual(before, want, "a list that was handed out stays as it was");
  assert.deepEqual([alarms.noSpace, alarms.corrupt], [false, true]);
  assert.deepEqual(
    alarms.list(AlarmType.NONE),
    want.filter(({ type }) => type === AlarmType.CORRUPT),
  );
  for (const { memberId } of alarms.list(AlarmType.CORRUPT)) alarms.deactivate(memberId, AlarmType.CORRUPT);
  assert.deepEqual([alarms.corrupt, alarms.list(AlarmType.NONE).length], [false, 0]);
});
