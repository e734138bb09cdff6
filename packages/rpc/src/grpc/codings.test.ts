import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { decodeBinary, metadataValue } from "./metadata.ts";
import { percentDecode, percentEncode } from "./percent-encoding.ts";
import { formatTimeout, parseTimeout, timeoutProblem } from "./timeout.ts";

const timeouts = [
  { text: "1S", ms: 1000 },
  { text: "100m", ms: 100 },
  { text: "5H", ms: 18_000_000 },
  { text: "2M", ms: 120_000 },
  { text: "500000u", ms: 500 },
  { text: "99999999n", ms: 99.999_999 },
  { text: "0S", ms: 0 },
  { text: "123456789S", ms: undefined },
  { text: "S", ms: undefined },
  { text: "1", ms: undefined },
  { text: "1s", ms: undefined },
  { text: "-1S", ms: undefined },
  { text: "1.5S", ms: undefined },
  { text: "", ms: undefined },
];
for (const { text, ms } of timeouts) {
  test(`the timeout "${text}" is ${ms === undefined ? "malformed" : `${ms} ms`}`, () => {
    const parsed = parseTimeout(text);
    if (ms === undefined || parsed === undefined) assert.equal(parsed, ms);
    else assert.ok(Math.abs(parsed - ms) < 1e-6);
  });
}

test("what is wrong with a timeout is said in Go's words", () => {
  assert.equal(timeoutProblem("S"), 'transport: timeout string is too short: "S"');
  assert.equal(timeoutProblem("123456789S"), 'transport: timeout string is too long: "123456789S"');
  assert.equal(timeoutProblem("1s"), 'transport: timeout unit is not recognized: "1s"');
  assert.equal(timeoutProblem("-1S"), 'strconv.ParseUint: parsing "-1": invalid syntax');
});

test("a formatted timeout is legal and never shorter than what was asked", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (ms) => {
      const parsed = parseTimeout(formatTimeout(ms));
      assert.ok(parsed !== undefined && parsed >= ms * (1 - 1e-9));
    }),
  );
});

const messages = [
  { text: "plain text stays as it is", encoded: "plain text stays as it is" },
  { text: "100%", encoded: "100%25" },
  { text: "größe\n", encoded: "gr%C3%B6%C3%9Fe%0A" },
];
for (const { text, encoded } of messages) {
  test(`the status message ${JSON.stringify(text)} is sent as ${encoded}`, () => {
    assert.equal(percentEncode(text), encoded);
    assert.equal(percentDecode(encoded), text);
  });
}

test("every well-formed status message survives, as printable ASCII", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const encoded = percentEncode(text.toWellFormed());
      assert.match(encoded, /^[ -~]*$/);
      assert.equal(percentDecode(encoded), text.toWellFormed());
    }),
  );
});

test("a broken escape is taken literally", () => {
  assert.equal(percentDecode("50%, %zz %4"), "50%, %zz %4");
});

test("binary metadata is base64 without padding, and read with or without it", () => {
  const value = Uint8Array.of(1, 2, 3, 4);
  const sent = metadataValue("trace-bin", value);
  assert.equal(sent, "AQIDBA");
  assert.deepEqual(Uint8Array.from(decodeBinary(sent)), value);
  assert.deepEqual(Uint8Array.from(decodeBinary(`${sent}==`)), value);
});

const badMetadata: { name: string; key: string; value: string | Uint8Array }[] = [
  { name: "an upper-case name", key: "Name", value: "v" },
  { name: "a reserved name", key: "grpc-foo", value: "v" },
  { name: "a pseudo-header", key: ":path", value: "v" },
  { name: "a line break", key: "name", value: "a\nb" },
  { name: "text outside ASCII", key: "name", value: "ü" },
  { name: "octets under a text name", key: "name", value: Uint8Array.of(1) },
];
for (const { name, key, value } of badMetadata) {
  test(`${name} is refused as metadata`, () => assert.throws(() => metadataValue(key, value), TypeError));
}
