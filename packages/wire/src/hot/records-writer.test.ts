import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { freeReleased, RecordsTag, RecordsWriter, releasePart } from "./records-writer.ts";
import { encodeDeleteRangeResponse, encodeRangeResponse, HeaderEncoder } from "./responses.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const header = new HeaderEncoder(0xcdf8_181b_e377_98bcn, 0x8e9e_05c5_2164_694dn).encode(12_345, 7);
const record = (size: number, fill: number): Uint8Array => new Uint8Array(size).fill(fill);

function write(writer: RecordsWriter, bytes: Uint8Array): void {
  const at = writer.begin(bytes.length);
  writer.bytes.set(bytes, at);
}

const cases: { name: string; sizes: number[]; more?: boolean; count?: number; parts: number }[] = [
  { name: "no record", sizes: [], parts: 1 },
  { name: "a count alone", sizes: [], count: 7, parts: 1 },
  { name: "an empty record", sizes: [0], count: 1, parts: 1 },
  { name: "a few records", sizes: [1, 127, 128, 300], more: true, count: 1000, parts: 1 },
  { name: "a full part", sizes: [65_536 - 64 - 6], more: true, count: 2 ** 40, parts: 2 },
  {
    name: "many records",
    sizes: Array.from({ length: 1000 }, (_, i) => (i * 37) % 900),
    count: 1000,
    parts: 8,
  },
  { name: "a large record first", sizes: [200_000, 10], count: 2, parts: 3 },
  { name: "large records between small ones", sizes: [10, 65_536, 10, 1_500_000, 10], count: 5, parts: 5 },
];
for (const { name, sizes, more = false, count = 0, parts: partCount } of cases) {
  test(`${name}: the parts are what the response is in one piece`, () => {
    const writer = new RecordsWriter(RecordsTag.rangeKvs);
    // Twice, so that memory is used again.
    for (const fill of [1, 101]) {
      const records = sizes.map((size, i) => record(size, (fill + i) % 256));
      for (const each of records) {
        const at = writer.begin(each.length);
        for (let i = 0; i < each.length; i++) writer.view.setUint8(at + i, each[i]!);
      }
      const parts = writer.finishRange(header, more, count);
      assert.deepEqual(Buffer.concat(parts), Buffer.from(encodeRangeResponse(header, records, more, count)));
      assert.ok(parts.length <= partCount, `${parts.length} parts`);
      for (const part of parts) releasePart(part);
    }
  });
}

for (const { name, sizes, count = 0 } of cases) {
  test(`${name}: the parts are what the response to a deletion is in one piece`, () => {
    const records = sizes.map((size, i) => record(size, i % 256));
    const writer = new RecordsWriter(RecordsTag.deletedKvs);
    for (const each of records) write(writer, each);
    const parts = writer.finishDeleteRange(header, count);
    assert.deepEqual(Buffer.concat(parts), Buffer.from(encodeDeleteRangeResponse(header, count, records)));
    for (const part of parts) releasePart(part);
  });
}

test("a writer that was cleared begins anew", () => {
  const writer = new RecordsWriter(RecordsTag.rangeKvs);
  for (let i = 0; i < 1000; i++) write(writer, record(300, 1));
  writer.clear();
  write(writer, record(5, 2));
  const parts = writer.finishRange(header, false, 1);
  assert.deepEqual(Buffer.concat(parts), Buffer.from(encodeRangeResponse(header, [record(5, 2)], false, 1)));
});

test("what others cut from memory of a block's size is not used for records", () => {
  const foreign = new Uint8Array(new ArrayBuffer(65_536)).fill(7);
  releasePart(foreign.subarray(10, 20));
  const writer = new RecordsWriter(RecordsTag.rangeKvs);
  for (let i = 0; i < 1000; i++) write(writer, record(300, 1));
  for (const part of writer.finishRange(header, false, 1)) assert.notEqual(part.buffer, foreign.buffer);
  assert.deepEqual(foreign, record(65_536, 7));
});

test("memory that was given back is freed in steps, and large memory is not kept", () => {
  const writer = new RecordsWriter(RecordsTag.rangeKvs);
  for (let i = 0; i < 10; i++) write(writer, record(1_500_000, i));
  for (let i = 0; i < 100_000; i++) write(writer, record(300, i));
  const parts = writer.finishRange(header, false, 1);
  const memory = parts.map(({ buffer }) => buffer as ArrayBuffer);
  const held = () => memory.reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (const part of parts) releasePart(part);
  const most = 4_000_000;
  for (let before = held(); freeReleased(most); before = held()) {
    assert.ok(held() < before && before - held() <= most + 1_500_064, `${before} to ${held()} bytes`);
  }
  assert.equal(memory.filter(({ byteLength }) => byteLength > 65_536).length, 0);
  assert.ok(held() <= 256 * 65_536);
});

test("only so many blocks are small ones: behind them long responses go on in memory that is mapped singly", () => {
  const inUse: Uint8Array[] = [];
  const respond = (records: number) => {
    const writer = new RecordsWriter(RecordsTag.rangeKvs);
    for (let i = 0; i < records; i++) write(writer, record(300, i));
    const parts = writer.finishRange(header, false, records);
    const whole = encodeRangeResponse(
      header,
      Array.from({ length: records }, (_, i) => record(300, i)),
      false,
      records,
    );
    assert.deepEqual(Buffer.concat(parts), Buffer.from(whole));
    inUse.push(...parts);
    return parts.map(({ buffer }) => buffer.byteLength);
  };
  const small = (sizes: readonly number[]) => sizes.filter((size) => size === 65_536).length;
  for (let blocks = 0; blocks < 512; ) blocks += small(respond(10_000));
  const behind = respond(10_000);
  assert.equal(small(behind), 4);
  // From 256 KiB on the C library's allocator maps memory by itself.
  assert.ok(behind.slice(4).every((size) => size > 262_144));
  assert.deepEqual(respond(100), [65_536]);
  for (const part of inUse) releasePart(part);
  while (freeReleased(1_000_000));
  const after = respond(10_000);
  assert.equal(small(after), after.length);
});

test("blocks that are lost with answers which nobody gives back count no more once they are collected", async () => {
  const small = () => {
    const writer = new RecordsWriter(RecordsTag.rangeKvs);
    for (let i = 0; i < 10_000; i++) write(writer, record(300, i));
    return writer.finishRange(header, false, 1).filter(({ buffer }) => buffer.byteLength === 65_536);
  };
  let most = 0;
  let last = 0;
  for (let blocks = 0; blocks < 512; blocks += last) last = small().length;
  const release = () => {
    const parts = small();
    most = Math.max(most, parts.length);
    for (const part of parts) releasePart(part);
  };
  release();
  assert.equal(most, 4);
  // Callbacks of the collector come in turns of their own.
  for (let i = 0; i < 100 && most === 4; i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
    release();
  }
  assert.ok(most > 40, `${most} parts`);
});
