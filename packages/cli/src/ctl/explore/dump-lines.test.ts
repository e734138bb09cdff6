import assert from "node:assert/strict";
import test from "node:test";
import { parseDumpLine } from "./dump-lines.ts";

const keys = [
  { line: '{"key":"a","value":""}', key: "a", value: "", lease: 0n },
  { line: '{"key":"ü","value":"b","lease":"00000000000000ff"}', key: "ü", value: "b", lease: 255n },
  { line: '{"keyBase64":"YQ==","valueBase64":"Yg==","version":"7"}', key: "a", value: "b", lease: 0n },
  { line: '{"key":"a","value":"b","lease":"-000000000000001"}', key: "a", value: "b", lease: -1n },
  { line: '{"key":"a","value":"b","lease":"8000000000000000"}', key: "a", value: "b", lease: -(2n ** 63n) },
];
for (const { line, key, value, lease } of keys) {
  test(`${line} is a key`, () => {
    const expected = { kind: "key", key: Buffer.from(key), value: Buffer.from(value), lease };
    assert.deepEqual(parseDumpLine(line), expected);
  });
}

test("a line with a ttl is a lease", () => {
  assert.deepEqual(parseDumpLine('{"lease":"10","ttl":60}'), { kind: "lease", id: 16n, ttl: 60n });
});

const wrong = [
  { line: "", why: /JSON/ },
  { line: "[]", why: /^not an object$/ },
  { line: "null", why: /^not an object$/ },
  { line: "{}", why: /^no key$/ },
  { line: '{"key":"a"}', why: /^no value$/ },
  { line: '{"key":1,"value":"a"}', why: /^no key$/ },
  { line: '{"key":"a","keyBase64":"YQ==","value":""}', why: /^no key$/ },
  { line: '{"keyBase64":"Y?","value":"a"}', why: /^keyBase64 is not base64$/ },
  { line: '{"key":"a","value":"b","lease":"x"}', why: /^lease is not hexadecimal$/ },
  { line: '{"lease":"10","ttl":1.5}', why: /^ttl is not a whole number$/ },
  { line: '{"ttl":1}', why: /^a ttl without a lease$/ },
];
for (const { line, why } of wrong) {
  test(`${line || "an empty line"} is refused`, () => {
    assert.throws(
      () => parseDumpLine(line),
      ({ message }: Error) => why.test(message),
    );
  });
}
