import test from "node:test";
import { RestlessClock } from "@quorate/testkit/clock";
import { fc } from "@quorate/testkit/property";
import { MvccStore } from "../mvcc/store.ts";
import { memoryBackend } from "../mvcc/testing.ts";
import { bytesOf } from "./testing/memory-store.ts";
import { anyStep, type Follower, Trial } from "./testing/trial.ts";

const anySteps = fc.array(anyStep, { minLength: 20, maxLength: 120 });
const anySliceCostMs = fc.constantFrom(0, 1, 3);
const anyHeldUp = fc.constantFrom(0, 0, 5);
/** With three clients few watchers make a transaction wait in the middle of its delivery. */
const anyMessagesPerTurn = fc.constantFrom(undefined, 1, 2, 3, 7);
const FAR = Number.POSITIVE_INFINITY;
/** Changes of a transaction that are many, and records in a step through history. */
const anyBounds = fc.constantFrom<[number, number]>([FAR, FAR], [FAR, FAR], [2, 100], [1, 1]);

test("whatever writers, slow readers, compactions and snapshots do, the guarantees of watching hold", () => {
  fc.assert(
    fc.property(
      anySteps,
      anySliceCostMs,
      anyHeldUp,
      anyMessagesPerTurn,
      anyBounds,
      (steps, sliceCostMs, heldUp, messagesPerTurn, bounds) => {
        const trial = new Trial(sliceCostMs, heldUp, messagesPerTurn);
        const [maxChanges, maxStepRecords] = bounds;
        Object.assign(trial.harness.store, { maxChanges, maxStepRecords });
        for (const step of steps) trial.run(step);
        trial.finish();
      },
    ),
    { numRuns: 30 },
  );
});

test("the guarantees hold on the real store, whose compactions go on in the background", async () => {
  await fc.assert(
    fc.asyncProperty(
      anySteps,
      anySliceCostMs,
      anyMessagesPerTurn,
      async (steps, sliceCostMs, messagesPerTurn) => {
        const { store, follower } = await openFollower();
        const trial = new Trial(sliceCostMs, 0, messagesPerTurn, follower);
        store.setListener(trial.harness.hub);
        for (const [i, step] of steps.entries()) {
          trial.run(step);
          if (i % 3 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
        }
        trial.finish();
        await store.compactionsDone();
      },
    ),
    { numRuns: 15 },
  );
});

async function openFollower(): Promise<{ store: MvccStore; follower: Follower }> {
  const store = await MvccStore.open({
    backend: memoryBackend(),
    clock: new RestlessClock(),
    compactionBatchLimit: 20,
  });
  const follower: Follower = {
    get currentRevision() {
      return store.currentRevision;
    },
    get compactRevision() {
      return store.compactRevision;
    },
    getAt: (key, revision) => store.getAt(key, revision),
    openHistory: (key, rangeEnd, from, to) => store.openHistory(key, rangeEnd, from, to),
    write: (...operations) => {
      const txn = store.beginWrite();
      for (const operation of operations) {
        if ("delete" in operation) txn.deleteRange(bytesOf(operation.delete), new Uint8Array(0));
        else txn.put(bytesOf(operation.put), bytesOf(operation.value ?? "v"), operation.lease ?? 0n);
      }
      txn.end();
    },
    compact: (revision) => {
      store.compact(revision).done.catch(() => {});
    },
  };
  return { store, follower };
}
