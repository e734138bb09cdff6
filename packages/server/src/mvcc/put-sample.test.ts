import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { PutSample } from "./put-sample.ts";
import { bytes, text } from "./testing.ts";

const cases = [
  {
    name: "a key counts for what is above its last slash",
    key: "/registry/pods/a",
    prefix: "/registry/pods/",
  },
  { name: "a dot behind a slash belongs to the name", key: "/events/pod.17ab", prefix: "/events/" },
  { name: "without a slash the last dot ends the prefix", key: "a.b.c", prefix: "a.b." },
  { name: "without either it is the first eight bytes", key: "abcdefghij", prefix: "abcdefgh" },
  { name: "a short key is its own prefix", key: "ab", prefix: "ab" },
  { name: "an end that is a slash belongs to it", key: "ab/", prefix: "ab/" },
  { name: "of a long key only its first 64 bytes are looked at", key: `a/${"x".repeat(70)}/b`, prefix: "a/" },
];
for (const { name, key, prefix } of cases) {
  test(name, () => {
    const sample = new PutSample();
    sample.take(bytes(key), 100);
    assert.deepEqual(
      sample.largest(5).map((each) => text(each.prefix)),
      [prefix],
    );
  });
}

test("bytes that are no text are kept as they are", () => {
  const sample = new PutSample();
  const key = Uint8Array.of(0xff, 0x80, 0x2f, 0x01);
  sample.take(key, 0);
  assert.deepEqual([...sample.largest(1)[0]!.prefix], [0xff, 0x80, 0x2f]);
});

test("what is halved again and again is forgotten", () => {
  const sample = new PutSample();
  sample.take(bytes("a/1"), 61);
  const before = sample.largest(1)[0]!.bytes;
  sample.halve();
  assert.equal(sample.largest(1)[0]!.bytes, before / 2);
  for (let i = 0; i < 10; i++) sample.halve();
  assert.deepEqual(sample.largest(1), []);
});

/** As a store does it. */
function put(sample: PutSample, key: string, valueBytes: number): void {
  if (--sample.untilNext === 0) sample.take(bytes(key), valueBytes);
}

test("transactions of 64 puts that are alike do not hide all of their puts but one", () => {
  const sample = new PutSample();
  for (let txn = 0; txn < 10_000; txn++) {
    for (let i = 0; i < 64; i++) put(sample, `p${i % 4}/k`, 1_000);
  }
  const shares = sample.largest(10).map((each) => each.bytes);
  assert.equal(shares.length, 4);
  const putBytes = 10_000 * 16 * 1_004;
  for (const share of shares) assert.ok(Math.abs(share / putBytes - 1) < 0.2, `${share} of ${putBytes}`);
});

testWithSeed("a prefix with a fifth of the bytes is told, among any number of others", (seed) => {
  const random = new SeededRandom(seed);
  const sample = new PutSample();
  for (let i = 0; i < 200_000; i++) {
    if (random.below(5) === 0) put(sample, `jobs/${i}`, 256);
    else put(sample, `other-${random.below(100_000)}/x`, 256);
  }
  assert.equal(text(sample.largest(1)[0]!.prefix), "jobs/");
});
