/** What a point does when it is hit: a chain of terms, of which the first one that its prefixes allow counts. */
export interface Terms {
  /** As it was given. */
  readonly text: string;
  readonly chain: readonly Term[];
  /** How often a term of the chain has come into effect. */
  hits: number;
}

export type TermValue = string | number | boolean | undefined;

export interface Term {
  readonly prefixes: readonly Prefix[];
  readonly action: "off" | "return" | "sleep" | "panic" | "print";
  readonly value: TermValue;
}

/** `N*`: the next N times. `N%`: with that probability. */
export type Prefix =
  | { readonly kind: "count"; left: number }
  | { readonly kind: "percent"; readonly percent: number };

const PREFIX = /^(\d+(?:\.\d*)?)([*%])/;
const ACTION = /^(off|return|sleep|panic|print)/;
const VALUE = /^\((?:("(?:[^"\\]|\\.)*")|(-?\d+)|(true|false))?\)/;

/**
 * Parses `term ("->" term)*`, where a term is `(N"*" | N"%")* action ["(" value ")"]`; undefined when `text` is not
 * of that form. The grammar is gofail's.
 */
export function parseTerms(text: string): Terms | undefined {
  const chain: Term[] = [];
  let rest = text;
  for (;;) {
    const parsed = parseTerm(rest);
    if (parsed === undefined) return undefined;
    chain.push(parsed.term);
    if (parsed.rest === "") return { text, chain, hits: 0 };
    if (!parsed.rest.startsWith("->")) return undefined;
    rest = parsed.rest.slice(2);
  }
}

/** The term that counts this time; undefined when none is allowed. `chance` is uniform in [0, 1). */
export function nextTerm(terms: Terms, chance: () => number): Term | undefined {
  for (const term of terms.chain) {
    if (!term.prefixes.every((prefix) => allows(prefix, chance))) continue;
    terms.hits++;
    return term;
  }
  return undefined;
}

/** Milliseconds that a `sleep` asks for: a number of them, or a duration such as `1m30s` or `1.5s`. */
export function sleepMs(value: TermValue): number | undefined {
  if (typeof value === "number") return Math.max(0, value);
  return typeof value === "string" ? parseDurationMs(value) : undefined;
}

function allows(prefix: Prefix, chance: () => number): boolean {
  if (prefix.kind === "percent") return chance() < prefix.percent / 100;
  if (prefix.left === 0) return false;
  prefix.left--;
  return true;
}

function parseTerm(text: string): { term: Term; rest: string } | undefined {
  let rest = text;
  const prefixes: Prefix[] = [];
  for (let match = PREFIX.exec(rest); match !== null; match = PREFIX.exec(rest)) {
    const number = Number(match[1]);
    if (match[2] === "%") prefixes.push({ kind: "percent", percent: number });
    else if (Number.isSafeInteger(number) && !match[1]!.includes("."))
      prefixes.push({ kind: "count", left: number });
    else return undefined;
    rest = rest.slice(match[0].length);
  }
  const action = ACTION.exec(rest)?.[1] as Term["action"] | undefined;
  if (action === undefined) return undefined;
  rest = rest.slice(action.length);
  const match = VALUE.exec(rest);
  if (match === null) return { term: { prefixes, action, value: undefined }, rest };
  const value = parseValue(match);
  if (value === null) return undefined;
  return { term: { prefixes, action, value }, rest: rest.slice(match[0].length) };
}

/** null: a string that cannot be read. */
function parseValue(match: RegExpExecArray): TermValue | null {
  const [, text, number, flag] = match;
  if (number !== undefined) return Number(number);
  if (flag !== undefined) return flag === "true";
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as string;
  } catch {
    return null;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^\+?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(number) * UNIT_MS[unit!]!;
  }
  return total;
}
