/** String literals as Go writes and reads them. */

const ESCAPES: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};
/** What Go prints as it is: letters, marks, numbers, punctuation, symbols, and of spaces the plain one. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** As Go's `%q`. Bytes that are not UTF-8 are written as such. */
export function quote(value: Uint8Array | string): string {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  let text = '"';
  for (let i = 0; i < bytes.length; ) {
    const [rune, length] = runeAt(bytes, i);
    text += rune === undefined ? `\\x${hex(bytes[i]!, 2)}` : quoteRune(rune);
    i += length;
  }
  return `${text}"`;
}

function quoteRune(rune: number): string {
  const escaped = ESCAPES[rune];
  if (escaped !== undefined) return escaped;
  const character = String.fromCodePoint(rune);
  if (PRINTABLE.test(character)) return character;
  if (rune < 0x80) return `\\x${hex(rune, 2)}`;
  return rune < 0x1_0000 ? `\\u${hex(rune, 4)}` : `\\U${hex(rune, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The code point at `at` and how many bytes it takes; undefined, and one byte, where there is none. */
function runeAt(bytes: Uint8Array, at: number): [rune: number | undefined, length: number] {
  const first = bytes[at]!;
  if (first < 0x80) return [first, 1];
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  try {
    const text = decoder.decode(bytes.subarray(at, at + length));
    if ([...text].length === 1) return [text.codePointAt(0), length];
  } catch {
    // No character begins here.
  }
  return [undefined, 1];
}

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  '"': 34,
};
const HEX_LENGTHS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** A literal at the beginning of a text, and how many characters it takes; undefined when there is none. */
export function unquotePrefix(text: string): { readonly value: Buffer; readonly length: number } | undefined {
  if (text.startsWith("`")) {
    const end = text.indexOf("`", 1);
    if (end < 0) return undefined;
    return { value: Buffer.from(text.slice(1, end).replaceAll("\r", "")), length: end + 1 };
  }
  if (!text.startsWith('"')) return undefined;
  const parts: Buffer[] = [];
  for (let i = 1; i < text.length; ) {
    const character = text[i]!;
    if (character === '"') return { value: Buffer.concat(parts), length: i + 1 };
    if (character === "\n") return undefined;
    if (character !== "\\") {
      const whole = String.fromCodePoint(text.codePointAt(i)!);
      parts.push(Buffer.from(whole));
      i += whole.length;
      continue;
    }
    const escaped = readEscape(text.slice(i + 1));
    if (escaped === undefined) return undefined;
    parts.push(escaped.bytes);
    i += 1 + escaped.length;
  }
  return undefined;
}

function readEscape(text: string): { readonly bytes: Buffer; readonly length: number } | undefined {
  const kind = text[0] ?? "";
  const simple = SIMPLE[kind];
  if (simple !== undefined) return { bytes: Buffer.of(simple), length: 1 };
  const octal = /^[0-3][0-7]{2}/.exec(text)?.[0];
  if (octal !== undefined) return { bytes: Buffer.of(Number.parseInt(octal, 8)), length: 3 };
  const digits = HEX_LENGTHS[kind];
  if (digits === undefined || !new RegExp(`^.[0-9a-fA-F]{${digits}}`).test(text)) return undefined;
  const value = Number.parseInt(text.slice(1, 1 + digits), 16);
  if (kind === "x") return { bytes: Buffer.of(value), length: 3 };
  if (value > 0x10_ffff || (value >= 0xd800 && value < 0xe000)) return undefined;
  return { bytes: Buffer.from(String.fromCodePoint(value)), length: 1 + digits };
}
