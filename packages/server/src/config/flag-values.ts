import { memberUrlProblem } from "../cluster/member-url.ts";
import { parseDurationMs } from "./duration.ts";
import { gatesProblem } from "./feature-gates.ts";
import type { FlagDefinition, FlagKind } from "./flag-definition.ts";
import { parseGoBool } from "./go-bool.ts";

export type FlagValue = string | boolean | number | readonly string[];

/** What a text means, or why it means nothing. */
export type Parsed = { readonly value: FlagValue } | { readonly problem: string };

const PARSE_ERROR: Parsed = { problem: "parse error" };

/** The value of a flag or variable. An empty list of URLs leaves the default in force. */
export function parseValue(definition: FlagDefinition, text: string): Parsed {
  const { kind, choices, defaultText } = definition;
  switch (kind) {
    case "string":
      return choices?.includes(text) === false ? { problem: "invalid value" } : { value: text };
    case "bool": {
      const value = parseGoBool(text);
      return value === undefined ? PARSE_ERROR : { value };
    }
    case "int":
    case "int64":
    case "uint":
    case "uint32":
    case "uint64":
      return parseNumber(kind, text);
    case "duration": {
      const milliseconds = parseDurationMs(text);
      return milliseconds === undefined ? PARSE_ERROR : { value: milliseconds };
    }
    case "list":
      return parseList(definition, text);
    case "set":
      return { value: text === "" ? [] : [...new Set(text.split(","))].sort() };
    case "urls":
      return parseUrls(text === "" ? defaultText : text);
    case "origins":
      return text === "*" ? { value: ["*"] } : parseUrls(text, true);
    case "gates": {
      const problem = gatesProblem(text);
      return problem === undefined ? { value: text } : { problem };
    }
  }
}

type NumberKind = Extract<FlagKind, "int" | "int64" | "uint" | "uint32" | "uint64">;

const RANGES: Readonly<Record<NumberKind, readonly [least: bigint, most: bigint]>> = {
  int: [-(2n ** 63n), 2n ** 63n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint: [0n, 2n ** 64n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

/** Whether a type of Go has room for it. */
export function isInRange(kind: NumberKind, value: bigint): boolean {
  const [least, most] = RANGES[kind];
  return least <= value && value <= most;
}

const DIGITS =
  /^(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;

function parseNumber(kind: NumberKind, text: string): Parsed {
  const digits = kind.startsWith("u") ? text : text.replace(/^[-+]/, "");
  // etcd has a type of its own for this one, which tells more.
  const fail = (why: string): Parsed =>
    kind === "uint32"
      ? { problem: `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}` }
      : { problem: why === "invalid syntax" ? "parse error" : why };
  if (!DIGITS.test(digits)) return fail("invalid syntax");
  const plain = digits.replaceAll("_", "");
  const amount = BigInt(/^0[0-7]+$/.test(plain) ? `0o${plain.slice(1)}` : plain);
  const value = text.startsWith("-") ? -amount : amount;
  return isInRange(kind, value) ? { value: Number(value) } : fail("value out of range");
}

function parseList({ choices }: FlagDefinition, text: string): Parsed {
  if (text === "") return { value: [] };
  const items = text.split(",").map((item) => item.trim());
  const wrong = items.find((item) => choices?.includes(item) === false);
  return wrong === undefined ? { value: items } : { problem: `invalid value ${JSON.stringify(wrong)}` };
}

function parseUrls(text: string, needsOne = false): Parsed {
  if (text === "" && !needsOne) return { value: [] };
  const urls = text.split(",").map((item) => item.trim());
  for (const url of urls) {
    const problem = memberUrlProblem(url);
    if (problem !== undefined) return { problem };
  }
  const plain = urls.map((url) => url.replace(/^[A-Z]+(?=:)/i, (scheme) => scheme.toLowerCase()));
  return { value: [...new Set(plain)].sort() };
}
