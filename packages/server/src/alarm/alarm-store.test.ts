import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../backend/memory-backend.ts";
import { realClock } from "../seams/real-clock.ts";
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
