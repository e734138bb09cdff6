import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { DECODE_FAILED, DECODED, DECODED_TOO_LARGE, HpackDecoder } from "./decoder.ts";
import { DO_NOT_INDEX, HpackEncoder, INDEX_FIELD, NEVER_INDEX } from "./encoder.ts";
import type { HeaderField } from "./field.ts";

function decode(decoder: HpackDecoder, bytes: Uint8Array): { verdict: number; list: string[] } {
  const fields: HeaderField[] = [];
  const verdict = decoder.decode(bytes, 0, bytes.length, fields);
  return { verdict, list: fields.map(({ name, value }) => `${name}: ${value}`) };
}

test("the request sequence of RFC 7541 C.4 is decoded with its dynamic table", () => {
  const decoder = new HpackDecoder(4096, 65_536);
  const steps = [
    { hex: "828684418cf1e3c2e5f23a6ba0ab90f4ff", last: ":authority: www.example.com", tableSize: 57 },
    { hex: "828684be5886a8eb10649cbf", last: "cache-control: no-cache", tableSize: 110 },
    {
      hex: "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      last: "custom-key: custom-value",
      tableSize: 164,
    },
  ];
  for (const { hex, last, tableSize } of steps) {
    const { verdict, list } = decode(decoder, Buffer.from(hex, "hex"));
    assert.equal(verdict, DECODED);
    assert.equal(list.at(-1), last);
    assert.equal(decoder.table.size, tableSize);
  }
});

test("the response sequence of RFC 7541 C.6 evicts from a table of 256 octets", () => {
  const decoder = new HpackDecoder(256, 65_536);
  const steps = [
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883640effc1c0bf",
    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
  ];
  const lists = steps.map((hex) => decode(decoder, Buffer.from(hex, "hex")).list);
  assert.equal(lists[1]?.[0], ":status: 307");
  assert.equal(lists[2]?.at(-1), "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");
  assert.equal(decoder.table.size, 215);
});

const malformed = [
  { name: "index 0", octets: [0x80] },
  { name: "an index beyond both tables", octets: [0xff, 0x10] },
  { name: "a name index beyond both tables", octets: [0x7f, 0x80, 0x01, 0x00] },
  { name: "an integer that never ends", octets: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] },
  { name: "a string longer than the block", octets: [0x40, 0x05, 0x61] },
  { name: "a literal without a value", octets: [0x40, 0x01, 0x61] },
  { name: "a block that ends within an integer", octets: [0xff] },
  { name: "a table size update over our limit", octets: [0x3f, 0xe2, 0x1f] },
  { name: "a table size update after a field", octets: [0x82, 0x20] },
];
for (const { name, octets } of malformed) {
  test(`${name} makes a block malformed`, () => {
    assert.equal(decode(new HpackDecoder(4096, 65_536), Uint8Array.from(octets)).verdict, DECODE_FAILED);
  });
}

test("a list over the limit is cut short while the table stays in step", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096, 200);
  encoder.begin();
  for (let i = 0; i < 10; i++) encoder.field(`name-${i}`, "value", INDEX_FIELD);
  const first = decode(decoder, encoder.end());
  assert.equal(first.verdict, DECODED_TOO_LARGE);
  assert.ok(first.list.length < 10);
  encoder.begin();
  encoder.field("name-9", "value", INDEX_FIELD);
  assert.deepEqual(decode(decoder, encoder.end()).list, ["name-9: value"]);
});

test("a block of references to one large entry costs no memory beyond the limit", () => {
  const decoder = new HpackDecoder(4096, 65_536);
  const encoder = new HpackEncoder();
  encoder.begin();
  encoder.field("a", "x".repeat(1900), INDEX_FIELD);
  decode(decoder, encoder.end());
  const bomb = new Uint8Array(16_000).fill(0xbe);
  const { verdict, list } = decode(decoder, bomb);
  assert.equal(verdict, DECODED_TOO_LARGE);
  assert.ok(list.length <= 65_536 / 1900);
});

test("a table of size 0 indexes nothing", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096, 65_536);
  encoder.setPeerTableSize(0);
  for (let round = 0; round < 2; round++) {
    encoder.begin();
    encoder.field("name", "value", INDEX_FIELD);
    assert.deepEqual(decode(decoder, encoder.end()).list, ["name: value"]);
    assert.equal(decoder.table.length, 0);
  }
});

const anyField = fc.record({
  name: fc.constantFrom(
    ":path",
    "content-type",
    "custom",
    "x-long-name-that-is-not-in-the-table",
    "grpc-status",
  ),
  value: fc.oneof(
    fc.constantFrom("", "0", "application/grpc"),
    fc.string({ maxLength: 60 }),
    fc.string({ minLength: 1500, maxLength: 2500 }),
  ),
  indexing: fc.constantFrom(INDEX_FIELD, DO_NOT_INDEX, NEVER_INDEX),
});
const anyStep = fc.record({
  tableSizes: fc.array(fc.constantFrom(0, 40, 100, 4096, 65_536), { maxLength: 2 }),
  fields: fc.array(anyField, { maxLength: 12 }),
});

test("what the encoder writes the decoder reads, whatever the peer does to the table", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 20 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(4096, 1_000_000);
      for (const { tableSizes, fields } of steps) {
        for (const size of tableSizes) encoder.setPeerTableSize(size);
        encoder.begin();
        for (const { name, value, indexing } of fields) encoder.field(name, latin1(value), indexing);
        const { verdict, list } = decode(decoder, encoder.end());
        assert.equal(verdict, DECODED);
        assert.deepEqual(
          list,
          fields.map(({ name, value }) => `${name}: ${latin1(value)}`),
        );
      }
    }),
  );
});

test("a block that leaves the change count alone may be sent again", () => {
  fc.assert(
    fc.property(fc.array(anyField, { maxLength: 8 }), (fields) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(4096, 1_000_000);
      let kept: Uint8Array | undefined;
      for (let round = 0; round < 4; round++) {
        const before = encoder.changeCount;
        encoder.begin();
        for (const { name, value, indexing } of fields) encoder.field(name, latin1(value), indexing);
        const block = encoder.end().slice();
        const first = decode(decoder, block).list;
        if (encoder.changeCount !== before) continue;
        kept = block;
        assert.deepEqual(decode(decoder, kept).list, first);
      }
    }),
  );
});

test("arbitrary octets never throw", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder(4096, 2000);
      for (const block of blocks) if (decode(decoder, block).verdict === DECODE_FAILED) return;
      assert.ok(decoder.table.size <= 4096);
    }),
  );
});

function latin1(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
