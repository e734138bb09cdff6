const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** More digits than any 64-bit integer needs; beyond it the exponent alone puts a number out of range. */
const MAX_SHIFT = 400;

/**
 * The integer that a JSON number is, exactly, whether it is written `7`, `7.0` or `70e-1`; undefined if it is none, or
 * one of absurd size.
 */
export function parseInteger(text: string): bigint | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  let digits = whole! + fraction;
  let shift = Number(exponent) - fraction.length;
  // Zeros at the end do not count: 5.0 is 5.
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return 0n;
  shift += digits.length - significant.length;
  digits = significant;
  if (shift < 0 || shift > MAX_SHIFT || digits.length > MAX_SHIFT) return undefined;
  const value = BigInt(digits + "0".repeat(shift));
  return sign === "-" ? -value : value;
}
