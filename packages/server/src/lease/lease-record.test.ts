import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { encode } from "@quorate/wire";
import { encodeLeaseKey, encodeLeaseRecord } from "@quorate/wire/hot";
import { LeaseSchema } from "@quorate/wire/leasepb";
import { CorruptLeaseRecord, decodeLeaseRecord } from "./lease-record.ts";
import { minimumTtlSeconds } from "./minimum-ttl.ts";

const vectors = [
  { id: 1n, ttl: 10, remaining: 0, key: "0000000000000001", value: "0801100a" },
  { id: 7n, ttl: 300, remaining: 290, key: "0000000000000007", value: "080710ac0218a202" },
  { id: -1n, ttl: 2, remaining: 0, key: "ffffffffffffffff", value: "08ffffffffffffffffff011002" },
  {
    id: 2n ** 63n - 1n,
    ttl: 9_000_000_000,
    remaining: 0,
    key: "7fffffffffffffff",
    value: "08ffffffffffffffff7f1080b4c4c321",
  },
  {
    id: -(2n ** 63n),
    ttl: 300,
    remaining: 0,
    key: "8000000000000000",
    value: "088080808080808080800110ac02",
  },
];
for (const { id, ttl, remaining, key, value } of vectors) {
  test(`the record of lease ${id} has etcd's bytes`, () => {
    const record = { id, ttlSeconds: ttl, remainingTtlSeconds: remaining };
    assert.equal(Buffer.from(encodeLeaseKey(id)).toString("hex"), key);
    assert.equal(
      Buffer.from(encodeLeaseRecord(record.id, record.ttlSeconds, record.remainingTtlSeconds)).toString(
        "hex",
      ),
      value,
    );
    assert.deepEqual(decodeLeaseRecord(Buffer.from(key, "hex"), Buffer.from(value, "hex")), record);
  });
}

test("records agree with the protobuf library and come back as they were", () => {
  const anyRecord = fc.record({
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    ttlSeconds: fc.integer({ min: 1, max: 9_000_000_000 }),
    remainingTtlSeconds: fc.maxSafeInteger(),
  });
  fc.assert(
    fc.property(anyRecord, (record) => {
      const value = encodeLeaseRecord(record.id, record.ttlSeconds, record.remainingTtlSeconds);
      const want = encode(LeaseSchema, {
        ID: record.id,
        TTL: BigInt(record.ttlSeconds),
        RemainingTTL: BigInt(record.remainingTtlSeconds),
      });
      assert.deepEqual(value, want);
      assert.deepEqual(decodeLeaseRecord(encodeLeaseKey(record.id), value), { ...record });
    }),
  );
});

const corrupt = [
  { name: "a key of seven bytes", key: "00000000000001", value: "0801100a" },
  { name: "another lease's key", key: "0000000000000002", value: "0801100a" },
  { name: "a value that ends early", key: "0000000000000001", value: "080110" },
  { name: "a varint without end", key: "0000000000000001", value: "08ffffffffffffffffffff01" },
  { name: "a field of the wrong type", key: "0000000000000001", value: "0a0101" },
  { name: "a TTL beyond 2^53", key: "0000000000000001", value: "080110ffffffffffffffff7f" },
  { name: "an unknown field beyond the end", key: "0000000000000001", value: "080122ff01" },
];
for (const { name, key, value } of corrupt) {
  test(`a record is corrupt: ${name}`, () => {
    assert.throws(
      () => decodeLeaseRecord(Buffer.from(key, "hex"), Buffer.from(value, "hex")),
      CorruptLeaseRecord,
    );
  });
}

test("fields of later versions are stepped over", () => {
  const value = Buffer.from("0801100a2203616263210102030405060708350102030430 05".replace(" ", ""), "hex");
  assert.deepEqual(decodeLeaseRecord(encodeLeaseKey(1n), value), {
    id: 1n,
    ttlSeconds: 10,
    remainingTtlSeconds: 0,
  });
});

const minimums = [
  { heartbeatMs: 100, electionMs: 1000, want: 2 },
  { heartbeatMs: 100, electionMs: 500, want: 1 },
  { heartbeatMs: 500, electionMs: 5000, want: 8 },
  { heartbeatMs: 10, electionMs: 100, want: 1 },
  { heartbeatMs: 200, electionMs: 1000, want: 2 },
];
for (const { heartbeatMs, electionMs, want } of minimums) {
  test(`with ${heartbeatMs} ms and ${electionMs} ms the shortest lease is ${want} s`, () => {
    assert.equal(minimumTtlSeconds(heartbeatMs, electionMs), want);
  });
}
