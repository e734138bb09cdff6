const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;
const ZERO = 0x30;

/** As in Go's protobuf: what has more digits is no integer of 64 bits, even if most of them are zeros that do not count. */
const MAX_DIGITS = 20;

/**
 * The integer that a JSON number is, exactly, whether it is written `7`, `7.0` or `70e-1`; undefined if it is none, or
 * one of absurd size. Takes time in proportion to the text, which a client chooses.
 */
export function parseInteger(text: string): bigint | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const digits = whole! + fraction;
  // Zeros at the end do not count: 5.0 is 5. (`/0+$/` would look from every zero to the end of its row.)
  const length = lengthWithoutZeros(digits);
  if (length === 0) return 0n;
  const shift = Number(exponent) - fraction.length + digits.length - length;
  const wholeLength = whole === "0" ? 0 : whole!.length;
  if (shift < 0 || wholeLength + Number(exponent) > MAX_DIGITS) return undefined;
  const value = BigInt(digits.slice(0, length) + "0".repeat(shift));
  return sign === "-" ? -value : value;
}

function lengthWithoutZeros(digits: string): number {
  let length = digits.length;
  while (length > 0 && digits.charCodeAt(length - 1) === ZERO) length--;
  return length;
}
