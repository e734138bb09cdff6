import assert from "node:assert/strict";
import { test } from "node:test";
import { LeasingKeys } from "./leasing-keys.ts";

const keys = new LeasingKeys("l/");
const bytes = (text: string) => Buffer.from(text);
const show = (key: Uint8Array) => Buffer.from(key).toString();

const ranges = [
  { name: "keys before the leasing keys", range: ["a", "b"], want: ["l/a..l/b"] },
  { name: "keys behind them", range: ["x", "y"], want: ["l/x..l/y"] },
  { name: "all keys from one behind them on", range: ["x", "\0"], want: ["l/x..l0"] },
  { name: "all keys: leasing keys of all are among them", range: ["\0", "\0"], want: ["l/\0..l0", "l/..l0"] },
  { name: "a part of the leasing keys", range: ["l/a", "l/b"], want: ["l/l/a..l/l/b", "l/a..l/b"] },
  { name: "from within them to behind them", range: ["l/x", "z"], want: ["l/l/x..l/z", "l/x..l0"] },
  { name: "from before them to within them", range: ["a", "l/c"], want: ["l/a..l/l/c", "l/..l/c"] },
  { name: "a range without keys", range: ["b", "a"], want: [] },
] as const;
for (const { name, range, want } of ranges) {
  test(`leasing keys that nobody may have when these are deleted: ${name}`, () => {
    const found = keys.ofRange({ key: bytes(range[0]), rangeEnd: bytes(range[1]) });
    assert.deepEqual(
      found.map(({ key, rangeEnd }) => `${show(key)}..${show(rangeEnd)}`),
      want,
    );
  });
}

test("a leasing key tells whose it is", () => {
  assert.equal(show(keys.ownedBy(keys.of(bytes("a/b")))), "a/b");
});
