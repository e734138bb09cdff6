import { CompareResult, CompareTarget } from "@quorate/client";
import type { Compare, Init } from "@quorate/wire/messages";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { parseInt64 } from "../../go-text/parse-number.ts";
import { quote, unquotePrefix } from "../../go-text/quote.ts";

type Value = Pick<Init<Compare>, "version" | "createRevision" | "modRevision" | "value" | "lease">;

const NUMERIC: Readonly<Record<string, { target: number; value: (number: bigint) => Value }>> = {
  version: { target: CompareTarget.VERSION, value: (version) => ({ version }) },
  create: { target: CompareTarget.CREATE, value: (createRevision) => ({ createRevision }) },
  mod: { target: CompareTarget.MOD, value: (modRevision) => ({ modRevision }) },
  lease: { target: CompareTarget.LEASE, value: (lease) => ({ lease }) },
};
const SHORT_NAMES: Readonly<Record<string, string>> = { ver: "version", c: "create", m: "mod", val: "value" };
const RESULTS: Readonly<Record<string, number>> = {
  "=": CompareResult.EQUAL,
  "!=": CompareResult.NOT_EQUAL,
  ">": CompareResult.GREATER,
  "<": CompareResult.LESS,
};

/** `mod("key") > "0"`. Throws Exit. */
export function parseCompare(line: string): Init<Compare> {
  const open = line.indexOf("(");
  if (open < 0) throw malformed(line);
  const given = line.slice(0, open);
  const { key, operator, value } = scan(line.slice(open + 1));
  if (value === undefined) throw malformed(`${line}; got ${given}(${quote(key)}) ${operator} ${quote("")}`);
  const target = SHORT_NAMES[given] ?? given;
  const numeric = NUMERIC[target];
  if (numeric === undefined && target !== "value") throw malformed(`${line} (unknown target ${given})`);
  const result = RESULTS[operator];
  if (numeric === undefined) {
    if (result === undefined) throw malformed(line);
    return { key, target: CompareTarget.VALUE, result, value };
  }
  let number: bigint;
  try {
    number = parseInt64(value.toString());
  } catch {
    throw new Exit(ExitCode.INVALID_INPUT, `invalid txn compare request: ${line}`);
  }
  if (result === undefined) throw malformed(line);
  return { key, target: numeric.target, result, ...numeric.value(number) };
}

/** As far as there is something: `"KEY") OP "VALUE"`. */
function scan(text: string): { key: Uint8Array; operator: string; value: Buffer | undefined } {
  const key = unquotePrefix(text.trimStart());
  if (key === undefined) return { key: new Uint8Array(0), operator: "", value: undefined };
  const behindKey = text.trimStart().slice(key.length);
  const [whole, operator = ""] = /^\)\s*(\S+)/.exec(behindKey) ?? [];
  if (whole === undefined) return { key: key.value, operator, value: undefined };
  const rest = behindKey.slice(whole.length);
  const value = /^\s/.test(rest) ? unquotePrefix(rest.trimStart()) : undefined;
  return { key: key.value, operator, value: value?.value };
}

function malformed(what: string): Exit {
  return new Exit(ExitCode.INVALID_INPUT, `malformed comparison: ${what}`);
}
