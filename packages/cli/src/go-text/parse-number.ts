/** Numbers as Go's strconv reads them, with the same complaints. */

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;
const DIGITS: Readonly<Record<number, RegExp>> = {
  2: /^[01]+$/,
  8: /^[0-7]+$/,
  10: /^[0-9]+$/,
  16: /^[0-9a-fA-F]+$/,
};
const PREFIXES: Readonly<Record<number, string>> = { 2: "0b", 8: "0o", 10: "", 16: "0x" };

/** Why a text is no such number; the message is strconv's. */
export class NumberError extends Error {
  override readonly name = "NumberError";
}

/** A signed integer of 64 bits. Base 0 takes what Go's own literals may look like. Throws NumberError. */
export function parseInt64(text: string, base: 0 | 10 | 16 = 10): bigint {
  const negative = text.startsWith("-");
  const unsigned = /^[+-]/.test(text) ? text.slice(1) : text;
  const value = magnitude("ParseInt", text, unsigned, base);
  const signed = negative ? -value : value;
  if (signed < INT64_MIN || signed > INT64_MAX) throw failure("ParseInt", text, "value out of range");
  return signed;
}

/** An unsigned integer of 64 bits. Throws NumberError. */
export function parseUint64(text: string, base: 0 | 10 | 16 = 10): bigint {
  const value = magnitude("ParseUint", text, text, base);
  if (value > UINT64_MAX) throw failure("ParseUint", text, "value out of range");
  return value;
}

/** Throws NumberError. */
export function parseBool(text: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw failure("ParseBool", text, "invalid syntax");
}

function magnitude(reader: string, text: string, unsigned: string, givenBase: 0 | 10 | 16): bigint {
  let digits = unsigned;
  let base: number = givenBase;
  if (base === 0) {
    const [, prefix, rest] = /^0([xXoObB])(.*)$/.exec(unsigned) ?? [];
    if (prefix !== undefined) {
      base = { x: 16, o: 8, b: 2 }[prefix.toLowerCase()]!;
      digits = rest!;
    } else {
      base = /^0./.test(unsigned) ? 8 : 10;
    }
    if (/^_|__|_$/.test(digits) && prefix === undefined) throw failure(reader, text, "invalid syntax");
    digits = digits.replaceAll("_", "");
  }
  if (!DIGITS[base]!.test(digits)) throw failure(reader, text, "invalid syntax");
  return BigInt(PREFIXES[base]! + (base === 10 ? digits.replace(/^0+(?=\d)/, "") : digits));
}

function failure(reader: string, text: string, why: string): NumberError {
  return new NumberError(`strconv.${reader}: parsing ${JSON.stringify(text)}: ${why}`);
}
