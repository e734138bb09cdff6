import assert from "node:assert/strict";
import test from "node:test";
import { formatDuration, parseDuration } from "./duration.ts";
import { humanBytes } from "./human-bytes.ts";
import { hexId, leaseId } from "./ids.ts";
import { parseBool, parseInt64, parseUint64 } from "./parse-number.ts";
import { quote, unquotePrefix } from "./quote.ts";

const integers: { text: string; base?: 0 | 16; want: bigint | RegExp }[] = [
  { text: "-12", want: -12n },
  { text: "+7", want: 7n },
  { text: "9223372036854775807", want: 2n ** 63n - 1n },
  { text: "9223372036854775808", want: /^NumberError: strconv\.ParseInt: parsing ".*": value out of range$/ },
  { text: "zz", want: /^NumberError: strconv\.ParseInt: parsing "zz": invalid syntax$/ },
  { text: "", want: /parsing "": invalid syntax/ },
  { text: "1_0", want: /invalid syntax/ },
  { text: "ff", base: 16, want: 255n },
  { text: "0x12", base: 16, want: /invalid syntax/ },
  { text: "0x12", base: 0, want: 18n },
  { text: "-0b11", base: 0, want: -3n },
  { text: "017", base: 0, want: 15n },
  { text: "1_000", base: 0, want: 1000n },
];
for (const { text, base, want } of integers) {
  test(`reads "${text}"${base === undefined ? "" : ` with base ${base}`} as Go does`, () => {
    if (typeof want === "bigint") assert.equal(parseInt64(text, base), want);
    else assert.throws(() => parseInt64(text, base), want);
  });
}

test("an unsigned number has no sign, and 64 bits", () => {
  assert.equal(parseUint64("ffffffffffffffff", 16), 2n ** 64n - 1n);
  assert.throws(() => parseUint64("-1"), /strconv\.ParseUint: parsing "-1": invalid syntax/);
  assert.throws(() => parseUint64("10000000000000000", 16), /value out of range/);
});

test("truth has the spellings that Go takes", () => {
  assert.deepEqual(["1", "T", "true", "0", "f", "False"].map(parseBool), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.throws(() => parseBool("yes"), /strconv\.ParseBool: parsing "yes": invalid syntax/);
});

const durations = [
  { text: "5s", ms: 5_000 },
  { text: "1m30s", ms: 90_000 },
  { text: "200ms", ms: 200 },
  { text: "-1.5h", ms: -5_400_000 },
  { text: "0", ms: 0 },
  { text: "1us", ms: 0.001 },
];
for (const { text, ms } of durations) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
}
for (const [text, want] of [
  ["5", 'time: missing unit in duration "5"'],
  ["5q", 'time: unknown unit "q" in duration "5q"'],
  ["xyz", 'time: invalid duration "xyz"'],
  ["", 'time: invalid duration ""'],
] as const) {
  test(`"${text}" is no duration`, () => assert.throws(() => parseDuration(text), { message: want }));
}

for (const [nanoseconds, want] of [
  [0n, "0s"],
  [15n, "15ns"],
  [1_500n, "1.5µs"],
  [2_037_659n, "2.037659ms"],
  [1_001_376_528n, "1.001376528s"],
  [90_000_000_000n, "1m30s"],
  [3_661_000_000_000n, "1h1m1s"],
  [-5n, "-5ns"],
] as const) {
  test(`${nanoseconds} ns are written ${want}`, () => assert.equal(formatDuration(nanoseconds), want));
}

for (const [bytes, want] of [
  [0n, "0 B"],
  [999n, "999 B"],
  [1_000n, "1.0 kB"],
  [9_999n, "10 kB"],
  [20_480n, "20 kB"],
  [24_576n, "25 kB"],
  [9_949_999n, "9.9 MB"],
  [16_777_216n, "17 MB"],
  [2_147_483_648n, "2.1 GB"],
] as const) {
  test(`${bytes} bytes are ${want}`, () => assert.equal(humanBytes(bytes), want));
}

test("quotes bytes, and what cannot be printed", () => {
  const bytes = Uint8Array.of(0xff, 0, 0x7f, 9, 0xc2, 0xa0, 0x78);
  assert.equal(quote(bytes), '"\\xff\\x00\\x7f\\t\\u00a0x"');
  assert.equal(quote('a"b\\ü𝄞\u{10ffff}'), '"a\\"b\\\\ü𝄞\\U0010ffff"');
});

for (const [text, want, length] of [
  ['"a\\x41\\n" rest', "aA\n", 9],
  ['"\\u00fc\\101"', "üA", 12],
  ["`raw\\n`", "raw\\n", 7],
] as const) {
  test(`unquotes ${text}`, () => {
    const literal = unquotePrefix(text);
    assert.deepEqual([literal?.value.toString(), literal?.length], [want, length]);
  });
}
for (const text of ["a", '"open', '"\\q"', '"\\xg0"', "`open", '"\\ud800"']) {
  test(`${text} is no literal`, () => assert.equal(unquotePrefix(text), undefined));
}

test("IDs are hexadecimal, those of leases in sixteen digits", () => {
  assert.equal(hexId(0x00a8_f345_8387_986dn), "a8f3458387986d");
  assert.equal(leaseId(0x1234n), "0000000000001234");
  assert.equal(leaseId(-1n), "-000000000000001");
});
