const SHORT_ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x07, "\\a"],
  [0x08, "\\b"],
  [0x0c, "\\f"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
  [0x0b, "\\v"],
  [0x5c, "\\\\"],
  [0x22, '\\"'],
]);

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");

/** `data` as a Go string literal, the way Go's %q prints it: bytes that are no UTF-8 become \x.. escapes. */
export function quote(data: Uint8Array): string {
  let text = '"';
  for (let at = 0; at < data.length; ) {
    const length = sequenceLength(data, at);
    if (length === 0) {
      text += `\\x${hex(data[at]!, 2)}`;
      at++;
      continue;
    }
    text += quoteCodePoint(codePoint(data, at, length));
    at += length;
  }
  return `${text}"`;
}

function quoteCodePoint(code: number): string {
  const short = SHORT_ESCAPES.get(code);
  if (short !== undefined) return short;
  const character = String.fromCodePoint(code);
  if (PRINTABLE.test(character)) return character;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** Length of the well-formed UTF-8 sequence at `at`, or 0. */
function sequenceLength(data: Uint8Array, at: number): number {
  const lead = data[at]!;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > data.length) return 0;
  for (let i = 1; i < length; i++) if ((data[at + i]! & 0xc0) !== 0x80) return 0;
  const code = codePoint(data, at, length);
  const isOverlong = (length === 3 && code < 0x800) || (length === 4 && code < 0x1_0000);
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return isOverlong || isSurrogate || code > 0x10_ffff ? 0 : length;
}

function codePoint(data: Uint8Array, at: number, length: number): number {
  if (length === 1) return data[at]!;
  let code = data[at]! & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) code = (code << 6) | (data[at + i]! & 0x3f);
  return code;
}
