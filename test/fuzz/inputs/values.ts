/** Scalars that code trips over. */
import type { SeededRandom } from "@quorate/testkit/random";

const EDGES: readonly bigint[] = [
  0n,
  1n,
  -1n,
  2n,
  255n,
  256n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  -(2n ** 63n) + 1n,
  -(2n ** 53n),
  -2n,
];

/** Few, so that requests meet each other. */
const KEYS: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([0, 0]),
  Buffer.from([0xff]),
  Buffer.from([0xff, 0xff, 0xff]),
  Buffer.from("a"),
  Buffer.from("b"),
  Buffer.from("ab"),
  Buffer.from("z\0"),
  Buffer.from("fuzz/"),
  Buffer.from("fuzz0"),
  ...Array.from({ length: 24 }, (_, i) => Buffer.from(`fuzz/${i}`)),
  Buffer.from("\u{1f980}"),
  Buffer.from([0xc3, 0x28, 0x80]),
];

/**
 * None of them is a URL that a member could be reached at: a member must not be added for good. And none is the name of the user
 * without whom users cannot be enabled: nobody could ask anything any more.
 */
const TEXTS: readonly string[] = [
  "",
  "a",
  "Root",
  "http://a",
  "http//x",
  "ftp://a:1",
  "://",
  "3.6.0",
  "3.5.0",
  "3.6",
  "v3.6.0",
  "99999999999.0.0",
  "\0",
  "a b\r\nc: d",
  "\u{1f980}\u00a0\ufeff",
  "%00%zz",
  "__proto__",
  "constructor",
];

const NOT_UTF8: readonly Buffer[] = [
  Buffer.from([0xff]),
  Buffer.from([0xc0, 0xaf]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  Buffer.from([0x61, 0xe2, 0x82]),
];

/** As a signed or unsigned number of 64 bits. */
export function anyInteger(random: SeededRandom): bigint {
  return random.weighted<() => bigint>([
    [5, () => BigInt(random.below(12))],
    [2, () => BigInt(random.below(2000))],
    [4, () => random.pick(EDGES)],
    [1, () => BigInt.asIntN(64, (BigInt(random.next()) << 32n) | BigInt(random.next()))],
  ])();
}

export function anyKey(random: SeededRandom): Buffer {
  return random.weighted<() => Buffer>([
    [30, () => random.pick(KEYS)],
    [4, () => random.bytes(random.below(40))],
    [0.1, () => Buffer.alloc(random.between(200, 3000), random.below(256))],
    [0.01, () => Buffer.alloc(random.between(10_000, 100_000), random.below(256))],
  ])();
}

export function anyText(random: SeededRandom): Buffer {
  return random.weighted<() => Buffer>([
    [10, () => Buffer.from(random.pick(TEXTS))],
    [1, () => random.pick(NOT_UTF8)],
    [1, () => Buffer.from("x".repeat(random.below(300)))],
  ])();
}

/** Text without what is no UTF-8. */
export function validText(random: SeededRandom): string {
  return random.pick(TEXTS);
}
