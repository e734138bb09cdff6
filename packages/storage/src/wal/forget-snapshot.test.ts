import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import type { DiskFault } from "../seams/simulated-disk.ts";
import { forgetSnapshot } from "./forget-snapshot.ts";
import { findStart } from "./snapshot-records.ts";
import { entry, FIRST_SEGMENT, METADATA, simulatedDisk, snapshotAt } from "./testing.ts";
import { Wal } from "./wal.ts";
import { WalLock } from "./wal-lock.ts";

const RECEIVED = snapshotAt(50, 4);

/** A log of five entries, the record of a received snapshot, and the state that covers it. */
async function logWithReceived(seed: number) {
  let fault: (() => DiskFault | undefined) | undefined;
  const simulated = simulatedDisk({ random: new SeededRandom(seed), fault: () => fault?.() });
  const disk = simulated.mount();
  const wal = await Wal.create(disk, "wal", METADATA, { segmentBytes: 16_384 });
  wal.save(
    { term: 2, vote: 1n, commit: 4 },
    [1, 2, 3, 4, 5].map((index) => entry(index, 2)),
  );
  await wal.saveSnapshot(RECEIVED);
  wal.save({ term: 6, vote: 3n, commit: 50 }, []);
  await wal.close();
  const setFault = (next: typeof fault) => {
    fault = next;
  };
  return { simulated, setFault };
}

test("a log without a received snapshot is what it was before, but for term and vote, whenever the power fails", async () => {
  const outcomes = new Set<number>();
  for (let moment = 0; ; moment++) {
    const { simulated, setFault } = await logWithReceived(moment);
    let operationsLeft = moment;
    setFault(() => (operationsLeft-- === 0 ? "CRASH" : undefined));
    const lock = await WalLock.take(simulated.mount(), "wal");
    const forgotten = await forgetSnapshot(simulated.mount(), "wal", RECEIVED, lock.segments).catch(() => {});
    setFault(undefined);
    simulated.crash();
    const disk = simulated.mount();
    const { snapshot, surveys } = await findStart(disk, "wal");
    outcomes.add(snapshot.index);
    if (forgotten !== undefined) assert.equal(forgotten.commit, 4);
    if (forgotten !== undefined) assert.equal(snapshot.index, 0, "what is forgotten stays so");
    const { wal, content } = await Wal.open(disk, "wal", snapshot, { surveys });
    const isBack = snapshot.index === 0;
    assert.deepEqual(content.hardState, { term: 6, vote: 3n, commit: isBack ? 4 : 50 });
    assert.deepEqual(
      content.entries.map(({ index }) => index),
      isBack ? [1, 2, 3, 4, 5] : [],
    );
    if (isBack) {
      // It goes on, and the snapshot that is sent again is believed.
      wal.save({ term: 6, vote: 3n, commit: 6 }, [entry(6, 6)]);
      await wal.saveSnapshot(snapshotAt(60, 6));
      wal.save({ term: 6, vote: 3n, commit: 60 }, []);
      await wal.close();
      assert.equal((await findStart(disk, "wal")).snapshot.index, 60);
    }
    if (operationsLeft >= 0) break;
  }
  assert.deepEqual(outcomes, new Set([50, 0]));
});

test("the segment that takes the old one's place is locked, and the old one kept as a copy", async () => {
  const { simulated } = await logWithReceived(1);
  const disk = simulated.mount();
  const lock = await WalLock.take(disk, "wal");
  const [name] = (await disk.list("wal")).filter((each) => each.endsWith(".wal"));
  const before = Buffer.from(simulated.contents(`wal/${name}`)!);
  const forgotten = await forgetSnapshot(disk, "wal", RECEIVED, lock.segments);
  await assert.rejects(disk.lockExisting(`wal/${name}`), { code: "LOCKED" });
  const copy = Buffer.from(simulated.contents(forgotten!.brokenFile)!);
  assert.ok(copy.equals(before.subarray(0, copy.length)));
  assert.ok(before.subarray(copy.length).every((byte) => byte === 0));
  await lock.release();
  await (await disk.lockExisting(`wal/${name}`)).release();
});

test("only the last thing in a log is forgotten, and only what it did not have as entries", async () => {
  const { simulated } = await logWithReceived(1);
  const disk = simulated.mount();
  const lock = await WalLock.take(disk, "wal");
  for (const other of [snapshotAt(49, 4), snapshotAt(50, 3), { index: 0, term: 0 }]) {
    assert.equal(await forgetSnapshot(disk, "wal", other, lock.segments), undefined);
  }
  const { wal } = await Wal.open(disk, "wal", RECEIVED);
  await wal.saveSnapshot(snapshotAt(50, 4));
  await wal.close();
  assert.equal(await forgetSnapshot(disk, "wal", RECEIVED, lock.segments), undefined, "a commit covered it");
  const opened = await Wal.open(disk, "wal", RECEIVED);
  await opened.wal.saveSnapshot(snapshotAt(70, 6));
  opened.wal.save({ term: 6, vote: 3n, commit: 70 }, [entry(71, 6)]);
  await opened.wal.close();
  assert.equal(
    await forgetSnapshot(disk, "wal", snapshotAt(70, 6), lock.segments),
    undefined,
    "entries follow",
  );
});

test("a record that is none, with the right CRC, is refused with file and offset", async () => {
  const { simulated } = await logWithReceived(1);
  // A CRC does not cover the type of its record: behind length and tag this is the first one's.
  const segment = simulated.contents(FIRST_SEGMENT)!;
  segment[9] = 3;
  simulated.setContents(FIRST_SEGMENT, segment);
  const lock = await WalLock.take(simulated.mount(), "wal");
  await assert.rejects(forgetSnapshot(simulated.mount(), "wal", RECEIVED, lock.segments), {
    code: "MALFORMED_RECORD",
    file: FIRST_SEGMENT,
    offset: 0,
  });
});
