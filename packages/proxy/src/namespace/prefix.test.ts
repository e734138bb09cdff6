import assert from "node:assert/strict";
import test from "node:test";
import { Prefix } from "./prefix.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");
const cases = [
  { name: "a single key", prefix: "p/", key: "a", end: "", want: ["p/a", ""] },
  { name: "a range", prefix: "p/", key: "abc", end: "def", want: ["p/abc", "p/def"] },
  { name: "no end is the end of the prefix", prefix: "p/", key: "a", end: "\0", want: ["p/a", "p0"] },
  {
    name: "a last octet that cannot grow is carried",
    prefix: "p\xff",
    key: "a",
    end: "\0",
    want: ["p\xffa", "q\0"],
  },
  {
    name: "behind the last prefix there is no end",
    prefix: "\xff\xff",
    key: "a",
    end: "\0",
    want: ["\xff\xffa", "\0"],
  },
  { name: "without a prefix all stays as it is", prefix: "", key: "a", end: "\0", want: ["a", "\0"] },
];
for (const { name, prefix: text, key, end, want } of cases) {
  test(`a namespace: ${name}`, () => {
    const prefix = new Prefix(bytes(text));
    const ranged = [prefix.key(bytes(key)), prefix.end(bytes(end))];
    assert.deepEqual(
      ranged.map((each) => Buffer.from(each).toString("latin1")),
      want,
    );
    assert.deepEqual(prefix.bytes, bytes(text));
    assert.equal(Buffer.from(prefix.strip(ranged[0]!)).toString("latin1"), key);
  });
}

test("keys of others are not the namespace's", () => {
  const prefix = new Prefix(bytes("p/"));
  assert.deepEqual(
    ["p/a", "p/", "p", "q/a"].map((key) => prefix.owns(bytes(key))),
    [true, true, false, false],
  );
});
