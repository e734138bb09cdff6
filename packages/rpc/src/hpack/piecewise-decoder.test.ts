import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DECODE_FAILED, DECODED, HpackDecoder } from "./decoder.ts";
import { DO_NOT_INDEX, HpackEncoder, INDEX_FIELD } from "./encoder.ts";
import { FIELD_INVALID, FIELD_OTHER, type HeaderField, headerField } from "./field.ts";
import { PiecewiseDecoder } from "./piecewise-decoder.ts";

const MAX_LIST_BYTES = 6000;

interface Decoded {
  readonly verdict: number;
  readonly fields?: readonly HeaderField[];
  readonly listBytes?: number;
}

/** Both ways to decode, with a table each. */
class BothDecoders {
  readonly whole = new HpackDecoder(4096, MAX_LIST_BYTES);
  readonly owner = new HpackDecoder(4096, MAX_LIST_BYTES);
  readonly pieces = new PiecewiseDecoder(this.owner.table, 4096, MAX_LIST_BYTES);

  decodeWhole(block: Uint8Array): Decoded {
    const fields: HeaderField[] = [];
    const verdict = this.whole.decode(block, 0, block.length, fields);
    return verdict === DECODE_FAILED ? { verdict } : { verdict, fields, listBytes: this.whole.listBytes };
  }

  /** `cuts` are where pieces end, in any order. */
  decodeInPieces(block: Uint8Array, cuts: readonly number[]): Decoded {
    const fields: HeaderField[] = [];
    this.pieces.begin();
    let start = 0;
    const ends = [...cuts.map((cut) => cut % (block.length + 1)).sort((a, b) => a - b), block.length];
    for (const end of ends) {
      // The piece is borrowed: what it is afterwards must not matter.
      const piece = block.slice(start, end);
      if (!this.pieces.push(piece, 0, piece.length, fields)) return { verdict: DECODE_FAILED };
      piece.fill(0xee);
      start = end;
    }
    const verdict = this.pieces.end();
    return verdict === DECODE_FAILED ? { verdict } : { verdict, fields, listBytes: this.pieces.listBytes };
  }

  check(block: Uint8Array, cuts: readonly number[]): number {
    const whole = this.decodeWhole(block);
    assert.deepEqual(this.decodeInPieces(block, cuts), whole);
    if (whole.verdict === DECODE_FAILED) return whole.verdict;
    assert.equal(this.owner.table.size, this.whole.table.size);
    assert.equal(this.owner.table.length, this.whole.table.length);
    return whole.verdict;
  }
}

const anyText = fc.oneof(
  fc.constantFrom("", "0", "gzip", "a\0b", " blank", "line\n"),
  fc.string({ maxLength: 40 }),
  fc.string({ minLength: 200, maxLength: 800 }),
);
const anyField = fc.record({
  name: fc.oneof(fc.constantFrom(":path", "te", "grpc-timeout", "Upper", "with space", ""), anyText),
  value: anyText,
  indexing: fc.constantFrom(INDEX_FIELD, DO_NOT_INDEX),
});
const anyCuts = fc.array(fc.nat(3000), { maxLength: 30 });

test("a block in pieces means what it means as a whole, wherever it is cut", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ fields: fc.array(anyField, { maxLength: 8 }), cuts: anyCuts, tableSize: fc.nat(5000) }),
      ),
      (blocks) => {
        const both = new BothDecoders();
        const encoder = new HpackEncoder();
        for (const { fields, cuts, tableSize } of blocks) {
          encoder.setPeerTableSize(tableSize);
          encoder.begin();
          for (const { name, value, indexing } of fields) encoder.field(name, value, indexing);
          assert.notEqual(both.check(encoder.end(), cuts), DECODE_FAILED);
        }
      },
    ),
  );
});

/** Octets with which blocks begin, and any. */
const anyOctet = fc.oneof(
  fc.constantFrom(0x82, 0xbe, 0x40, 0x00, 0x10, 0x20, 0x3f, 0x7f, 0xff, 1, 2),
  fc.nat(255),
);

test("arbitrary octets are the same in pieces, and malformed as often", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(anyOctet, { maxLength: 60 }), anyCuts), { maxLength: 5 }),
      (blocks) => {
        const both = new BothDecoders();
        for (const [octets, cuts] of blocks)
          if (both.check(Uint8Array.from(octets), cuts) === DECODE_FAILED) return;
      },
    ),
    { numRuns: 1000 },
  );
});

const names: { name: string; what: string; kind: number }[] = [
  { what: "a name", name: "x".repeat(700), kind: FIELD_OTHER },
  {
    what: "a name with upper case in its middle",
    name: `${"x".repeat(350)}X${"x".repeat(350)}`,
    kind: FIELD_INVALID,
  },
  { what: "a name with a colon at its end", name: `${"x".repeat(700)}:`, kind: FIELD_INVALID },
];
for (const { what, name, kind } of names) {
  test(`${what} that comes octet by octet is judged as a whole`, () => {
    const both = new BothDecoders();
    const encoder = new HpackEncoder();
    encoder.begin();
    encoder.field(name, "v", DO_NOT_INDEX);
    const block = encoder.end().slice();
    const { verdict, fields } = both.decodeInPieces(block, [...block.keys()]);
    assert.equal(verdict, DECODED);
    assert.deepEqual(fields, [headerField(name, "v")]);
    assert.equal(fields[0]?.kind, kind);
  });
}
