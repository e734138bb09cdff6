import assert from "node:assert/strict";
import test from "node:test";
import { decodeMessage, encodeMessage, type Init, RangeRequest } from "@quorate/wire/messages";
import { RangeCache } from "./range-cache.ts";

const range = (init: Init<RangeRequest>) => decodeMessage(RangeRequest, encodeMessage(RangeRequest, init));
const keys = (key: string, rangeEnd = "") => ({ key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) });
const ANSWER = Buffer.from("answer");

function keep(cache: RangeCache, request: RangeRequest, answer: Uint8Array = ANSWER): void {
  cache.ended(cache.begun(request), request, answer);
}

const invalidations = [
  { name: "its key", kept: keys("b"), written: keys("b"), stays: false },
  { name: "another key", kept: keys("b"), written: keys("c"), stays: true },
  { name: "a range around its key", kept: keys("b"), written: keys("a", "c"), stays: false },
  { name: "a range that ends before its key", kept: keys("b"), written: keys("a", "b"), stays: true },
  { name: "all keys from an earlier one on", kept: keys("b"), written: keys("a", "\0"), stays: false },
  { name: "a key in its range", kept: keys("a", "c"), written: keys("b"), stays: false },
  { name: "the end of its range", kept: keys("a", "c"), written: keys("c"), stays: true },
  { name: "a range that begins in its own", kept: keys("a", "c"), written: keys("b", "d"), stays: false },
  { name: "any key, of a range without an end", kept: keys("a", "\0"), written: keys("z"), stays: false },
];
for (const { name, kept, written, stays } of invalidations) {
  test(`an answer ${stays ? "stays" : "goes"} when somebody writes ${name}`, () => {
    const cache = new RangeCache();
    keep(cache, range(kept));
    cache.invalidate(written);
    assert.equal(cache.get(range({ ...kept, serializable: true })) !== undefined, stays);
    assert.equal(cache.size, stays ? 1 : 0);
  });
}

test("what is asked for linearizably is kept for those who are content with less, and nothing else is the same", () => {
  const cache = new RangeCache();
  keep(cache, range({ key: "a", serializable: false }));
  assert.equal(cache.get(range({ key: "a", serializable: true })), ANSWER);
  assert.equal(cache.get(range({ key: "a", serializable: true, limit: 1 })), undefined);
  assert.deepEqual([cache.hits, cache.misses], [1, 1]);
});

test("an answer is not kept when its key was written while it was under way", () => {
  const cache = new RangeCache();
  const [outdated, other] = [range({ key: "a" }), range({ key: "b" })];
  const readings = [cache.begun(outdated), cache.begun(other)];
  cache.invalidate(keys("a"));
  cache.ended(readings[0]!, outdated, ANSWER);
  cache.ended(readings[1]!, other, ANSWER);
  assert.equal(cache.get(outdated), undefined);
  assert.equal(cache.get(other), ANSWER);
});

test("answers at a revision outlive writes, and not a compaction", () => {
  const cache = new RangeCache();
  const pinned = range({ key: "a", revision: 5 });
  keep(cache, pinned);
  cache.invalidate(keys("a"));
  assert.equal(cache.get(pinned), ANSWER);
  cache.compacted(6n);
  assert.throws(() => cache.get(pinned), {
    details: "etcdserver: mvcc: required revision has been compacted",
  });
  keep(cache, pinned);
  assert.equal(cache.size, 0);
});

test("the answer that was used longest ago goes first, by number and by octets", () => {
  const cache = new RangeCache();
  for (let i = 0; i < 2_049; i++) {
    keep(cache, range({ key: `k${i}` }));
    cache.get(range({ key: "k0" }));
  }
  assert.equal(cache.size, 2_048);
  assert.equal(cache.get(range({ key: "k1" })), undefined);
  assert.equal(cache.get(range({ key: "k0" })), ANSWER);

  const large = new RangeCache();
  for (let i = 0; i < 20; i++) keep(large, range({ key: `k${i}` }), Buffer.alloc(4_000_000));
  assert.ok(large.size <= 16, `${large.size}`);
  keep(large, range({ key: "huge" }), Buffer.alloc(5_000_000));
  assert.equal(large.get(range({ key: "huge" })), undefined);
});

test("nothing is left behind by what goes", () => {
  const cache = new RangeCache();
  for (let i = 0; i < 100; i++) {
    keep(cache, range({ key: "a", limit: i }));
    keep(cache, range({ ...keys("a", "b"), limit: i }));
  }
  assert.equal(cache.size, 200);
  cache.invalidate(keys("a"));
  assert.equal(cache.size, 0);
});
