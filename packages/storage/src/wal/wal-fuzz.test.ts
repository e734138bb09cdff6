import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { searchRuns } from "@quorate/testkit/seed";
import { encodeWalSnapshot, WireError } from "@quorate/wire/hot";
import { DiskError } from "../seams/disk.ts";
import { WalError } from "./errors.ts";
import { readWal } from "./recovery.ts";
import { findStart } from "./snapshot-records.ts";
import { diskWith, entry, FIRST_SEGMENT, segmentOf, snapshotAt, validSnapshots } from "./testing.ts";
import { RecordType } from "./types.ts";
import { Wal } from "./wal.ts";

const RUNS = searchRuns(300, 1_500);
const START = { index: 0, term: 0 };

const VALID = segmentOf((encoder) => {
  for (let index = 1; index <= 8; index++) {
    encoder.entry(entry(index, 1, new Uint8Array(index * 90).fill(index & 3)));
    encoder.state({ term: 1, vote: 1n << 63n, commit: index - 1 });
  }
  encoder.message(RecordType.snapshot, encodeWalSnapshot(snapshotAt(5)));
}, 3000);

type Damage =
  | { kind: "set"; at: number; byte: number }
  | { kind: "zero"; at: number; length: number }
  | { kind: "cut"; at: number }
  | { kind: "copy"; at: number; from: number; length: number }
  | { kind: "insert"; at: number; bytes: Uint8Array };

const position = fc.nat({ max: VALID.length - 1 });
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), at: position, byte: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constant("zero" as const), at: position, length: fc.nat({ max: 1500 }) }),
  fc.record({ kind: fc.constant("cut" as const), at: position }),
  fc.record({
    kind: fc.constant("copy" as const),
    at: position,
    from: position,
    length: fc.nat({ max: 900 }),
  }),
  fc.record({ kind: fc.constant("insert" as const), at: position, bytes: fc.uint8Array({ maxLength: 64 }) }),
);

function apply(bytes: Uint8Array, what: Damage): Uint8Array {
  const at = Math.min(what.at, bytes.length);
  const copy = bytes.slice();
  switch (what.kind) {
    case "set":
      if (at < copy.length) copy[at] = what.byte;
      return copy;
    case "zero":
      return copy.fill(0, at, at + what.length);
    case "cut":
      return copy.slice(0, at);
    case "copy":
      copy.set(bytes.subarray(what.from, what.from + what.length).subarray(0, copy.length - at), at);
      return copy;
    case "insert":
      return new Uint8Array([...copy.subarray(0, at), ...what.bytes, ...copy.subarray(at)]);
  }
}

/** Whatever the file holds: an answer, or a typed error. */
async function readEverything(segment: Uint8Array): Promise<void> {
  const simulated = await diskWith(segment);
  const disk = simulated.mount();
  const options = { segmentBytes: 16_384 };
  const opened = await expectTyped(Wal.open(disk, "wal", START, options));
  await expectTyped(findStart(disk, "wal"));
  await expectTyped(validSnapshots(disk, "wal"));
  await expectTyped(readWal(disk, "wal", { index: 5, term: 1 }));
  if (opened === undefined) return;
  // What could be opened can be continued and opened again.
  const lastIndex = opened.content.entries.at(-1)?.index ?? 0;
  opened.wal.save({ term: 9, vote: 1n, commit: 0 }, [entry(lastIndex + 1, 9)]);
  await opened.wal.close();
  const again = await Wal.open(disk, "wal", START, options);
  assert.equal(again.repair, undefined);
  assert.equal(again.content.entries.length, opened.content.entries.length + 1);
  await again.wal.close();
}

async function expectTyped<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading;
  } catch (error) {
    assert.ok(error instanceof WalError || error instanceof DiskError, String(error));
    assert.ok(!(error instanceof WireError));
    return undefined;
  }
}

test("a damaged log is read, repaired or refused, never worse", () =>
  fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 6 }), (damages) =>
      readEverything(damages.reduce(apply, VALID)),
    ),
    { numRuns: RUNS },
  ));

test("random bytes are read, repaired or refused, never worse", () =>
  fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), readEverything), { numRuns: RUNS }));

test("a length beyond the file is refused before memory is taken for it", async () => {
  for (const length of [2 ** 31, 2 ** 40, 2 ** 55]) {
    const segment = segmentOf(() => {});
    new DataView(segment.buffer).setBigUint64(64, BigInt(length), true);
    const before = process.memoryUsage().arrayBuffers;
    await expectTyped(Wal.open((await diskWith(segment)).mount(), "wal", START));
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024, FIRST_SEGMENT);
  }
});
