import assert from "node:assert/strict";
import { test } from "node:test";
import type { PutRequest } from "@quorate/wire/messages";
import { OwnedKey } from "./owned-key.ts";
import { OwnedKeys } from "./owned-keys.ts";

const key = Buffer.from("k");
const kv = {
  key,
  value: Buffer.from("old"),
  createRevision: 5n,
  modRevision: 7n,
  version: 3n,
  lease: 0n,
};
const put = (value: string, more: Partial<PutRequest> = {}): PutRequest => ({
  ...{ key, value: Buffer.from(value), lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
  ...more,
});

const cases = [
  {
    name: "a put makes another version",
    changes: [{ revision: 9n, put: put("a") }],
    want: { ...kv, value: Buffer.from("a"), modRevision: 9n, version: 4n },
  },
  {
    name: "a put that keeps the value",
    changes: [{ revision: 9n, put: put("", { ignoreValue: true }) }],
    want: { ...kv, modRevision: 9n, version: 4n },
  },
  { name: "a deletion", changes: [{ revision: 9n, put: undefined }], want: undefined },
  {
    name: "answers that come in another order than that of the writes",
    changes: [
      { revision: 10n, put: put("b") },
      { revision: 9n, put: undefined },
      { revision: 11n, put: put("c") },
    ],
    want: { ...kv, value: Buffer.from("c"), createRevision: 10n, modRevision: 11n, version: 2n },
  },
  {
    name: "a write that is part of what was read when the key was had",
    changes: [{ revision: 7n, put: put("x") }],
    want: kv,
  },
  { name: "writes that have not happened", changes: [undefined, undefined], want: kv },
];
for (const { name, changes, want } of cases) {
  test(`what is known of an owned key after its owner's writes: ${name}`, () => {
    const owned = new OwnedKey(key, 8n, kv, 8n);
    for (const _ of changes) owned.beginWrite();
    for (const change of changes) {
      assert.equal(owned.isKnown, false);
      owned.endWrite(change);
    }
    assert.equal(owned.isKnown, true);
    assert.deepEqual(owned.kv, want);
  });
}

test("of more keys than there may be those are given up that nobody has read for longest", () => {
  const keys = new OwnedKeys(2);
  const [a, b, c] = ["a", "b", "c"].map((name) => new OwnedKey(Buffer.from(name), 1n, undefined, 1n));
  assert.deepEqual([...keys.add(a!), ...keys.add(b!)], []);
  keys.use(a!.key);
  assert.deepEqual(keys.add(c!), [b]);
  assert.equal(keys.get(b!.key), undefined);
  assert.equal(keys.size, 2);
});

test("large values are given up before the memory for all is exceeded, also one that has grown", () => {
  const keys = new OwnedKeys();
  const large = { ...kv, value: Buffer.alloc(40 * 1024 * 1024) };
  const small = new OwnedKey(Buffer.from("s"), 1n, kv, 1n);
  keys.add(small);
  keys.add(new OwnedKey(Buffer.from("l"), 1n, large, 1n));
  small.beginWrite();
  small.endWrite({ revision: 9n, put: put("", { value: large.value }) });
  keys.changed(small);
  const given = keys.add(new OwnedKey(Buffer.from("n"), 1n, undefined, 1n));
  assert.deepEqual(given, [small]);
});
