import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  cursor,
  readBigInt64,
  readBigUint64,
  readBool,
  readBytes,
  readInt32,
  readInt64,
  readInt64Saturating,
  readTag,
  readUint32,
  readUint64,
  skipValue,
} from "./reader.ts";
import { WireError } from "./wire-error.ts";
import { bigVarintSize, varintSize, writeBigVarint, writeVarint } from "./writer.ts";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const MAX = Number.MAX_SAFE_INTEGER;

const varints: { hex: string; signed: bigint; saturated: number }[] = [
  { hex: "00", signed: 0n, saturated: 0 },
  { hex: "7f", signed: 127n, saturated: 127 },
  { hex: "8000", signed: 0n, saturated: 0 },
  { hex: "8001", signed: 128n, saturated: 128 },
  { hex: "ffffff7f", signed: 2n ** 28n - 1n, saturated: 2 ** 28 - 1 },
  { hex: "8080808001", signed: 2n ** 28n, saturated: 2 ** 28 },
  { hex: "ffffffff0f", signed: 2n ** 32n - 1n, saturated: 2 ** 32 - 1 },
  { hex: "8080808010", signed: 2n ** 32n, saturated: 2 ** 32 },
  { hex: "ffffffff7f", signed: 2n ** 35n - 1n, saturated: 2 ** 35 - 1 },
  { hex: "808080808001", signed: 2n ** 35n, saturated: 2 ** 35 },
  { hex: "ffffffffffffff0f", signed: BigInt(MAX), saturated: MAX },
  { hex: "8080808080808010", signed: 2n ** 53n, saturated: MAX },
  { hex: "ffffffffffffffff7f", signed: 2n ** 63n - 1n, saturated: MAX },
  { hex: "80808080808080808001", signed: -(2n ** 63n), saturated: -MAX },
  { hex: "ffffffffffffffffff01", signed: -1n, saturated: -1 },
];

suite("varints", () => {
  for (const { hex, signed, saturated } of varints) {
    test(`${hex} is ${signed}`, () => {
      const buf = bytes(`ff${hex}ff`);
      const end = buf.length - 1;
      assert.equal(readBigInt64(buf, 1, end), signed);
      assert.equal(cursor, end);
      assert.equal(readBigUint64(buf, 1, end), BigInt.asUintN(64, signed));
      assert.equal(readInt64Saturating(buf, 1, end), saturated);
      assert.equal(readInt32(buf, 1, end), Number(BigInt.asIntN(32, signed)));
      assert.equal(readUint32(buf, 1, end), Number(BigInt.asUintN(32, signed)));
      assert.equal(readBool(buf, 1, end), signed !== 0n);
      if (BigInt(saturated) === signed) assert.equal(readInt64(buf, 1, end), saturated);
      else assert.throws(() => readInt64(buf, 1, end), WireError);
      if (signed >= 0n && signed <= BigInt(MAX)) assert.equal(readUint64(buf, 1, end), saturated);
      else assert.throws(() => readUint64(buf, 1, end), WireError);
    });

    test(`${hex} cut short is refused`, () => {
      const buf = bytes(hex);
      for (let end = 0; end < buf.length; end++) assert.throws(() => readBigInt64(buf, 0, end), WireError);
    });

    test(`${signed} is written in as few bytes as possible`, () => {
      const out = new Uint8Array(12);
      const bigEnd = writeBigVarint(out, 0, signed);
      assert.equal(readBigInt64(out, 0, bigEnd), signed);
      assert.equal(bigVarintSize(signed), bigEnd);
      assert.ok(bigEnd === 1 || out[bigEnd - 1] !== 0);
      const end = writeVarint(out, 0, saturated);
      assert.equal(readInt64Saturating(out, 0, end), saturated);
      assert.equal(varintSize(saturated), end);
    });
  }

  const refused = [
    { name: "an eleventh byte", hex: "8080808080808080808000" },
    { name: "a tenth byte with more than bit 63", hex: "80808080808080808002" },
    { name: "nothing", hex: "" },
  ];
  for (const { name, hex } of refused) {
    test(`${name} is refused`, () => {
      const buf = bytes(hex);
      assert.throws(() => readBigInt64(buf, 0, buf.length), WireError);
      assert.throws(() => readInt32(buf, 0, buf.length), WireError);
      assert.throws(() => readBool(buf, 0, buf.length), WireError);
    });
  }
});

suite("tags", () => {
  const cases = [
    { hex: "08", want: 8 },
    { hex: "8204", want: 0x202 },
    { hex: "faffffff0f", want: (2 ** 29 - 1) * 8 + 2 },
    { hex: "8a00", want: 10 },
  ];
  for (const { hex, want } of cases) {
    test(`${hex} is ${want}`, () => {
      const buf = bytes(hex);
      assert.equal(readTag(buf, 0, buf.length), want);
      assert.equal(cursor, buf.length);
    });
  }
  for (const [hex, why] of [
    ["00", "field 0"],
    ["8000", "field 0, overlong"],
    ["8080808010", "a field number above 2^29 - 1"],
    ["82808080808001", "a tag of more than 32 bits"],
    ["80", "a cut tag"],
  ]) {
    test(`${why} is refused`, () => {
      const buf = bytes(hex!);
      assert.throws(() => readTag(buf, 0, buf.length), WireError);
    });
  }
});

suite("unknown fields", () => {
  const cases: { name: string; tag: number; hex: string; after: number | "refused" }[] = [
    { name: "a varint is skipped", tag: 0x78, hex: "ff0199", after: 2 },
    { name: "eight bytes are skipped", tag: 0x79, hex: "0102030405060708", after: 8 },
    { name: "seven of eight bytes are refused", tag: 0x79, hex: "01020304050607", after: "refused" },
    { name: "a length and its bytes are skipped", tag: 0x7a, hex: "02aabb99", after: 3 },
    { name: "a length beyond the end is refused", tag: 0x7a, hex: "04aabb99", after: "refused" },
    { name: "a length of 2^63 is refused", tag: 0x7a, hex: "80808080808080808001", after: "refused" },
    { name: "four bytes are skipped", tag: 0x7d, hex: "01020304", after: 4 },
    { name: "three of four bytes are refused", tag: 0x7d, hex: "010203", after: "refused" },
    { name: "a group is skipped", tag: 0x7b, hex: "0801 0b 1001 0c 7c", after: 7 },
    { name: "a group left open is refused", tag: 0x7b, hex: "0801", after: "refused" },
    { name: "a group closed by another number is refused", tag: 0x7b, hex: "0801 0c", after: "refused" },
    { name: "the end of no group is refused", tag: 0x7c, hex: "", after: "refused" },
    { name: "wire type 6 is refused", tag: 0x7e, hex: "01", after: "refused" },
    { name: "wire type 7 is refused", tag: 0x7f, hex: "01", after: "refused" },
  ];
  for (const { name, tag, hex, after } of cases) {
    test(name, () => {
      const buf = bytes(hex);
      if (after === "refused") assert.throws(() => skipValue(buf, 0, buf.length, tag), WireError);
      else assert.equal(skipValue(buf, 0, buf.length, tag), after);
    });
  }

  test("groups nested beyond any use are refused without overflowing the stack", () => {
    const buf = new Uint8Array(1_000_000).fill(0x0b);
    assert.throws(() => skipValue(buf, 0, buf.length, 0x0b), WireError);
  });
});

test("bytes are a view on the input, within its bounds", () => {
  const whole = bytes("0000 03 616263 00");
  const part = whole.subarray(1);
  const view = readBytes(part, 1, part.length);
  assert.deepEqual(view, new Uint8Array([0x61, 0x62, 0x63]));
  assert.equal(view.buffer, whole.buffer);
  assert.equal(cursor, 5);
});
