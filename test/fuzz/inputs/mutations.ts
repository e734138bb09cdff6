/** Damage to octets that were right, or nearly so. */
import type { SeededRandom } from "@quorate/testkit/random";

/** A damaged copy. `others` are what a piece may be taken from. */
export function mutated(random: SeededRandom, bytes: Buffer, others: readonly Buffer[]): Buffer {
  let result = Buffer.from(bytes);
  for (let n = random.weighted(DAMAGES); n > 0; n--) result = damaged(random, result, others);
  return result;
}

const DAMAGES = [
  [6, 1],
  [2, 2],
  [1, 6],
] as const;

function damaged(random: SeededRandom, bytes: Buffer, others: readonly Buffer[]): Buffer<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + random.below(20));
  const before = bytes.subarray(0, at);
  return random.weighted<() => Buffer<ArrayBuffer>>([
    [4, () => flipped(random, bytes)],
    [2, () => Buffer.from(before)],
    [2, () => Buffer.concat([before, bytes.subarray(to)])],
    [2, () => Buffer.concat([before, random.bytes(random.below(6)), bytes.subarray(at)])],
    [
      1,
      () =>
        Buffer.concat([
          before,
          ...Array<Buffer>(random.between(2, 20)).fill(bytes.subarray(at, to)),
          bytes.subarray(to),
        ]),
    ],
    [2, () => Buffer.concat([before, tailOf(random, others.length === 0 ? bytes : random.pick(others))])],
  ])();
}

function flipped(random: SeededRandom, bytes: Buffer): Buffer<ArrayBuffer> {
  const result = Buffer.from(bytes);
  if (result.length === 0) return result;
  const at = random.below(result.length);
  result[at] = random.chance(0.5)
    ? result[at]! ^ (1 << random.below(8))
    : random.pick([0, 1, 0x7f, 0x80, 0xff, 10, 13, 34, 92]);
  return result;
}

function tailOf(random: SeededRandom, bytes: Buffer): Buffer {
  return bytes.subarray(random.below(bytes.length + 1));
}
