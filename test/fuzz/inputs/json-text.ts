/** JSON for the gateway, made from the descriptions of messages. */
import type { SeededRandom } from "@quorate/testkit/random";
import type { Description } from "./message-bytes.ts";
import { anyInteger, anyKey, validText } from "./values.ts";

type Field = Description["fields"][number];

/** Of protobuf-es: the numbers of `ScalarType`. */
const BOOL = 8;
const STRING = 9;
const BYTES = 12;

const NUMBERS = [
  "0",
  "-0",
  "1e0",
  "1.0",
  "10e-1",
  "1e3",
  "1.5",
  "-1",
  "01",
  "+1",
  ".5",
  "1.",
  "1e",
  "1e400",
  "1e-400",
  "0x10",
  "NaN",
  "Infinity",
  "-Infinity",
  '"7"',
  '" 7"',
  '"7 "',
  '"1e2"',
  '"0x7"',
  '""',
  '"-0"',
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "-9223372036854775809",
  "18446744073709551615",
  "18446744073709551616",
  '"9223372036854775807"',
  "9007199254740993",
  "123456789012345678901234567890",
  "1E+2",
  "4294967296",
  "2147483648",
  "0.0000000000000000000000000000001e31",
  "1e1000000000",
];
const ODD_VALUES = ["null", "true", "false", "[]", "{}", '"x"', "[null]", "[[]]", '{"a":1}', "1"];
const STRINGS = [
  '"\\ud83e\\udd80"',
  '"\\ud83e"',
  '"\\udd80"',
  '"\\ud83ex"',
  '"\\u0000"',
  '"\\x"',
  '"\\u12"',
  '"\\/\\b\\f\\n\\r\\t"',
  '"a\tb"',
  '"\u{1f980}"',
  '"\u2028\u2029<>&"',
  '"\\\\"',
  '"__proto__"',
  '"',
];
const ODD_BASE64 = [
  "Zg",
  "Zg=",
  "Zg==",
  "Zm9=",
  "Zm9v",
  "Z",
  "Zm9vYg",
  "-_-_",
  "+/+/",
  "-/-/",
  "Z m8=",
  "Zm9v\\n",
  "====",
  "Zh==",
];
const ODD_NAMES = ['"__proto__"', '"constructor"', '""', '"bogus"', '"toString"', '"@type"', '"\\u006bey"'];

/** `depth`: messages in messages. */
export function jsonText(random: SeededRandom, description: Description, depth: number): string {
  const members: string[] = [];
  for (const field of description.fields) {
    const probability =
      field.oneof !== undefined ? 1.2 / field.oneof.fields.length : field.number === 1 ? 0.8 : 0.35;
    if (!random.chance(probability)) continue;
    const member = `${blank(random)}"${nameOf(random, field)}"${blank(random)}:${value(random, field, depth)}`;
    members.push(member);
    if (random.chance(0.01)) members.push(member);
  }
  if (random.chance(0.04))
    members.push(
      `${random.pick(ODD_NAMES)}:${random.chance(0.05) ? nested(random) : random.pick(ODD_VALUES)}`,
    );
  return `{${random.shuffled(members).join(",")}}`;
}

/** As above, and then often damaged; or no JSON at all. */
export function anyBody(random: SeededRandom, description: Description): Buffer {
  let text = jsonText(random, description, 4);
  if (random.chance(0.03))
    text = random.pick([
      "",
      " \n",
      "null",
      "[]",
      "[1",
      "tru",
      "}",
      "{",
      '"',
      "\ufeff{}",
      nested(random),
      "1",
    ]);
  if (random.chance(0.05)) text += random.pick(["{}", " x", "\0", "]", jsonText(random, description, 2)]);
  return Buffer.from(text);
}

function nameOf(random: SeededRandom, field: Field): string {
  if (random.chance(0.01)) return field.name.toUpperCase();
  return random.chance(0.5) ? field.name : field.jsonName;
}

function value(random: SeededRandom, field: Field, depth: number): string {
  if (random.chance(0.02)) return random.pick(ODD_VALUES);
  if (field.fieldKind !== "list") return single(random, field, depth);
  const count = random.weighted([
    [2, 0],
    [4, 1],
    [2, 3],
    [0.03, 140],
  ] as const);
  const elements = Array.from({ length: count }, () => single(random, field, depth));
  if (random.chance(0.01)) elements.push("null");
  return `[${elements.join(",")}${random.chance(0.005) ? "," : ""}]`;
}

function single(random: SeededRandom, field: Field, depth: number): string {
  const kind = field.fieldKind === "list" ? field.listKind : field.fieldKind;
  if (kind === "message")
    return depth > 0 ? jsonText(random, (field as { message: Description }).message, depth - 1) : "{}";
  if (kind === "enum") return enumeration(random, field);
  const { scalar } = field as { scalar?: number };
  if (scalar === BOOL)
    return random.chance(0.97) ? random.pick(["true", "false"]) : random.pick(['"true"', "1", "True"]);
  if (scalar === STRING) return random.chance(0.1) ? random.pick(STRINGS) : JSON.stringify(validText(random));
  if (scalar === BYTES) return bytes(random);
  if (random.chance(0.12)) return random.pick(NUMBERS);
  const number = anyInteger(random);
  return random.chance(0.5) ? String(number) : `"${number}"`;
}

function enumeration(random: SeededRandom, field: Field): string {
  const { enum: type } = field as { enum: { values: readonly { name: string; number: number }[] } };
  const known = random.pick(type.values);
  return random.weighted<() => string>([
    [6, () => `"${known.name}"`],
    [3, () => String(known.number)],
    [0.3, () => `"${known.name.toLowerCase()}"`],
    [0.3, () => random.pick(['"1"', "7", "-1", "1.5", "2147483648", "1e0", '"NOT_ONE"'])],
  ])();
}

function bytes(random: SeededRandom): string {
  if (random.chance(0.05)) return `"${random.pick(ODD_BASE64)}"`;
  if (random.chance(0.01)) return random.pick(STRINGS);
  const key = anyKey(random);
  return `"${key.toString(random.chance(0.8) ? "base64" : "base64url")}"`;
}

/** Arrays and objects in each other, around and beyond what is allowed. */
function nested(random: SeededRandom): string {
  const levels = random.pick([100, 9_998, 9_999, 10_000, 10_001, 20_000]);
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  const isClosed = random.chance(0.8);
  return open.repeat(levels) + (open === "[" ? "" : "1") + (isClosed ? close.repeat(levels) : "");
}

function blank(random: SeededRandom): string {
  return random.chance(0.95) ? "" : random.pick([" ", "\n", "\t\r", "\u00a0", "\f"]);
}
