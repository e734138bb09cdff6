import { memberUrlProblem } from "../cluster/member-url.ts";
import { parseDurationMs } from "./duration.ts";
import { ConfigError } from "./errors.ts";
import { FLAGS, type FlagDefinition, IGNORED_FLAGS } from "./flag-table.ts";

export type FlagValue = string | boolean | number | readonly string[];

/** What the command line and the environment said, before any rule that spans flags. */
export interface ParsedFlags {
  /** A value for every flag: given or default. */
  readonly values: ReadonlyMap<string, FlagValue>;
  /** Names given on the command line or by a variable. */
  readonly explicit: ReadonlySet<string>;
  readonly unrecognizedVariables: readonly string[];
  readonly help: boolean;
}

/**
 * Parses a command line as Go's flag package does (one or two dashes, `--f v` or `--f=v`, booleans only with `=`)
 * and then the `ETCD_*` variables. Throws `ConfigError`.
 */
export function parseFlags(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ParsedFlags {
  const given = new Map<string, string>();
  let help = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      if (i + 1 < args.length) throw new ConfigError(`"${args[i + 1]}" is not a valid flag`);
      break;
    }
    if (!arg.startsWith("-") || arg === "-") throw new ConfigError(`"${arg}" is not a valid flag`);
    const body = arg.replace(/^--?/, "");
    if (body === "" || body.startsWith("-") || body.startsWith("="))
      throw new ConfigError(`bad flag syntax: ${arg}`, 2);
    const equals = body.indexOf("=");
    const name = equals < 0 ? body : body.slice(0, equals);
    let text = equals < 0 ? undefined : body.slice(equals + 1);
    if (name === "h" || name === "help") {
      help = true;
      continue;
    }
    if (IGNORED_FLAGS.has(name)) continue;
    const definition = FLAGS.get(name);
    if (definition === undefined) throw new ConfigError(`flag provided but not defined: -${name}`, 2);
    if (text === undefined) {
      if (definition.kind === "bool") text = "true";
      else if (++i < args.length) text = args[i]!;
      else throw new ConfigError(`flag needs an argument: -${name}`, 2);
    }
    parseValue(definition, text, (why) =>
      definition.kind === "bool"
        ? new ConfigError(`invalid boolean value "${text}" for -${name}: parse error`, 2)
        : new ConfigError(`invalid value "${text}" for flag -${name}: ${why}`, 2),
    );
    given.set(name, text);
  }

  // As in etcd, who only asks is told, whatever the environment says.
  const onlyAsks = help || parseGoBool(given.get("version") ?? "false") === true;
  const unrecognizedVariables: string[] = [];
  const byVariable = new Map([...FLAGS.keys()].map((name) => [variableName(name), name]));
  for (const [variable, text] of Object.entries(onlyAsks ? {} : environment)) {
    if (!variable.startsWith("ETCD_") || text === undefined) continue;
    const name = byVariable.get(variable);
    if (name === undefined || name === "version") {
      if (variable !== "ETCD_VERIFY" && variable !== "ETCD_UNSUPPORTED_ARCH")
        unrecognizedVariables.push(variable);
      continue;
    }
    if (given.has(name)) {
      throw new ConfigError(
        `conflicting environment variable ${variable} is shadowed by corresponding command-line flag --${name} (either unset environment variable or disable flag)`,
      );
    }
    if (text === "") continue;
    parseValue(
      FLAGS.get(name)!,
      text,
      (why) => new ConfigError(`invalid value "${text}" for ${variable}: ${why}`),
    );
    given.set(name, text);
  }

  const values = new Map<string, FlagValue>();
  const fail = (why: string) => new ConfigError(why);
  for (const [name, definition] of FLAGS) {
    let text = given.get(name) ?? definition.defaultText;
    // An empty URL list given explicitly leaves the default in force.
    if (text === "" && definition.kind === "urls") text = definition.defaultText;
    values.set(name, parseValue(definition, text, fail));
  }
  return { values, explicit: new Set(given.keys()), unrecognizedVariables, help };
}

function variableName(flagName: string): string {
  return `ETCD_${flagName.toUpperCase().replaceAll("-", "_")}`;
}

function parseValue(definition: FlagDefinition, text: string, fail: (why: string) => ConfigError): FlagValue {
  switch (definition.kind) {
    case "string":
      if (definition.choices?.includes(text) === false) throw fail("invalid value");
      return text;
    case "bool": {
      const value = parseGoBool(text);
      if (value === undefined) throw fail("parse error");
      return value;
    }
    case "int":
    case "uint": {
      const negative = text.startsWith("-");
      const digits = text.replace(/^[-+]/, "");
      if (!/^(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)$/.test(digits))
        throw fail("parse error");
      if (negative && definition.kind === "uint") throw fail("parse error");
      const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
      const value = Number(octal) * (negative ? -1 : 1);
      if (!Number.isSafeInteger(value)) throw fail("value out of range");
      return value;
    }
    case "duration": {
      const milliseconds = parseDurationMs(text);
      if (milliseconds === undefined) throw fail("parse error");
      return milliseconds;
    }
    case "list":
      return text === "" ? [] : parseList(definition, text, fail);
    case "urls":
      return text === "" ? [] : parseUrlList(text, fail);
  }
}

/** As Go's `strconv.ParseBool`; undefined when `text` is none of its forms. */
export function parseGoBool(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  return undefined;
}

function parseList(
  { choices }: FlagDefinition,
  text: string,
  fail: (why: string) => ConfigError,
): readonly string[] {
  const items = text.split(",").map((item) => item.trim());
  const wrong = items.find((item) => choices?.includes(item) === false);
  if (wrong !== undefined) throw fail(`invalid value ${JSON.stringify(wrong)}`);
  return items;
}

function parseUrlList(text: string, fail: (why: string) => ConfigError): readonly string[] {
  const urls = text.split(",").map((item) => item.trim());
  for (const url of urls) {
    const why = memberUrlProblem(url);
    if (why !== undefined) throw fail(why);
  }
  return [...new Set(urls)].sort();
}
