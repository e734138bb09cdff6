import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { decode } from "@quorate/wire";
import { WatchResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodeEvent, encodeKeyValue } from "@quorate/wire/hot";
import { EventPieces, sizeOfFieldAt } from "./event-pieces.ts";

const NO_BYTES = new Uint8Array(0);

function eventOf(value: number, bytes: number): Uint8Array {
  const kv = encodeKeyValue(Uint8Array.of(1), 1, 2, 3, new Uint8Array(bytes).fill(value), 0n);
  return encodeEvent(false, kv, undefined);
}

/** The sizes of the values in pieces, each of which must be of whole fields. */
function sizesIn(pieces: readonly Uint8Array[]): number[] {
  return pieces.flatMap((piece) => {
    let at = 0;
    while (at < piece.length) at += sizeOfFieldAt(piece, at);
    assert.equal(at, piece.length);
    return decode(WatchResponseSchema, piece).events.map(({ kv }) => kv!.value.length);
  });
}

const anySize = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 2000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 150_000 }) },
);
const anyStep = fc.oneof(
  { weight: 10, arbitrary: anySize },
  { weight: 1, arbitrary: fc.constantFrom("mark" as const, "cut" as const) },
);

test("an event that is encoded in its piece is the one that is encoded by itself", () => {
  const anyKv = fc
    .integer({ min: 0, max: 100_000 })
    .map((size) => encodeKeyValue(Uint8Array.of(7), 1, 2, 3, new Uint8Array(size).fill(size), 0n));
  const anyEvent = fc.record({
    deleted: fc.boolean(),
    kv: anyKv,
    previous: fc.option(anyKv, { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
      const encoded = new EventPieces();
      const copied = new EventPieces();
      for (const { deleted, kv, previous } of events) {
        encoded.appendEvent(deleted, kv, previous);
        copied.append(encodeEvent(deleted, kv, previous));
      }
      assert.deepEqual(encoded.pieces(), copied.pieces());
      assert.deepEqual([encoded.count, encoded.bytes], [copied.count, copied.bytes]);
    }),
    { numRuns: 50 },
  );
});

test("pieces hold what was appended and not taken back, in order, each of whole fields", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 150 }), (steps) => {
      const pieces = new EventPieces();
      let wanted: number[] = [];
      let marked: number[] = [];
      for (const step of steps) {
        if (step === "mark") {
          pieces.mark();
          marked = [...wanted];
        } else if (step === "cut") {
          pieces.cutToMark();
          wanted = [...marked];
        } else {
          pieces.append(eventOf(wanted.length % 256, step));
          wanted.push(step);
        }
        assert.equal(pieces.count, wanted.length);
      }
      const all = pieces.pieces();
      assert.deepEqual(sizesIn(all), wanted);
      assert.equal(
        all.reduce((total, { length }) => total + length, 0),
        pieces.bytes,
      );
    }),
  );
});

test("pieces are few and none is larger than it must be", () => {
  const pieces = new EventPieces();
  for (let i = 0; i < 10_000; i++) pieces.append(eventOf(i % 256, 100));
  pieces.append(eventOf(1, 1_000_000));
  const lengths = pieces.pieces().map(({ length }) => length);
  assert.ok(lengths.length < 35, `${lengths.length}`);
  assert.ok(lengths.slice(0, -1).every((length) => length <= 65_536));
  assert.equal(new EventPieces().pieces().length, 0);
  assert.equal(sizesIn(pieces.pieces()).length, 10_001);
  assert.equal(encodeEvent(true, NO_BYTES, undefined).length > 0, true);
});
