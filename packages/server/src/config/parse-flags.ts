import { ConfigError } from "./errors.ts";
import { type FlagDefinition, variableOf } from "./flag-definition.ts";
import { FLAGS, IGNORED_FLAGS } from "./flag-table.ts";
import { type FlagValue, parseValue } from "./flag-values.ts";
import { parseGoBool } from "./go-bool.ts";

/** What the command line and the environment, or a file, said, before any rule that spans settings. */
export interface ParsedFlags {
  /** A value for every flag: given or default. */
  readonly values: ReadonlyMap<string, FlagValue>;
  /** Names given on the command line, by a variable or in the file. */
  readonly explicit: ReadonlySet<string>;
  /** What was said that means nothing; one line each. */
  readonly warnings: readonly string[];
  readonly help: boolean;
  /** The file that was named and has still to be read: nothing else counts then. */
  readonly file: string | undefined;
  /** It comes from a file: some rules are different then. */
  readonly isFromFile: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Parses a command line as Go's flag package does (one or two dashes, `--f v` or `--f=v`, booleans only with `=`)
 * and then the `ETCD_*` variables, unless either names a configuration file. Throws `ConfigError`.
 */
export function parseFlags(args: readonly string[], environment: Environment): ParsedFlags {
  const { given, help } = parseCommandLine(args);
  const file = given.get("config-file") || environment[variableOf("config-file")] || undefined;
  // As in etcd, who only asks is told, whatever the environment says.
  const onlyAsks = help || parseGoBool(given.get("version") ?? "false") === true;
  const warnings =
    onlyAsks || file !== undefined ? [] : addVariables(given, new Set(given.keys()), environment);
  return {
    values: valuesOf(given),
    explicit: new Set(given.keys()),
    warnings,
    help,
    file: onlyAsks ? undefined : file,
    isFromFile: false,
  };
}

function parseCommandLine(args: readonly string[]): { given: Map<string, string>; help: boolean } {
  const given = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith("-") || arg === "-")
      throw new ConfigError(`${JSON.stringify(arg)} is not a valid flag`);
    if (arg === "--") {
      if (i + 1 < args.length) throw new ConfigError(`${JSON.stringify(args[i + 1])} is not a valid flag`);
      break;
    }
    const body = arg.replace(/^--?/, "");
    if (body === "" || body.startsWith("-") || body.startsWith("="))
      throw new ConfigError(`bad flag syntax: ${arg}`, 2);
    const equals = body.indexOf("=");
    const name = equals < 0 ? body : body.slice(0, equals);
    let text = equals < 0 ? undefined : body.slice(equals + 1);
    if (name === "h" || name === "help") return { given, help: true };
    if (IGNORED_FLAGS.has(name)) continue;
    const definition = FLAGS.get(name);
    if (definition === undefined) throw new ConfigError(`flag provided but not defined: -${name}`, 2);
    if (text === undefined) {
      if (definition.kind === "bool") text = "true";
      else if (++i < args.length) text = args[i]!;
      else throw new ConfigError(`flag needs an argument: -${name}`, 2);
    }
    const parsed = parseValue(definition, text);
    if ("problem" in parsed) {
      throw definition.kind === "bool"
        ? new ConfigError(`invalid boolean value ${JSON.stringify(text)} for -${name}: ${parsed.problem}`, 2)
        : new ConfigError(`invalid value ${JSON.stringify(text)} for flag -${name}: ${parsed.problem}`, 2);
    }
    give(given, definition, text);
  }
  return { given, help: false };
}

/** The last mention counts, but of gates all do. */
function give(given: Map<string, string>, { name, kind }: FlagDefinition, text: string): void {
  const before = kind === "gates" ? given.get(name) : undefined;
  given.set(name, before === undefined ? text : `${before},${text}`);
}

/** Adds what variables say to what the command line says; returns a line for each that says nothing. */
function addVariables(
  given: Map<string, string>,
  onCommandLine: ReadonlySet<string>,
  environment: Environment,
): string[] {
  const byVariable = new Map([...FLAGS.keys(), ...IGNORED_FLAGS].map((name) => [variableOf(name), name]));
  const variables = Object.keys(environment).filter((variable) => variable.startsWith("ETCD_"));
  const shadowed = variables.find((variable) => onCommandLine.has(byVariable.get(variable) ?? ""));
  if (shadowed !== undefined) throw conflict(shadowed);
  const unrecognized: string[] = [];
  // As in etcd, of several mistakes the one of the last flag by name is told.
  for (const variable of variables.sort().reverse()) {
    const name = byVariable.get(variable);
    const text = environment[variable] ?? "";
    if (name === undefined || name === "version") {
      if (variable !== "ETCD_VERIFY" && variable !== "ETCD_UNSUPPORTED_ARCH")
        unrecognized.unshift(`unrecognized environment variable ${variable}`);
      continue;
    }
    const definition = FLAGS.get(name);
    if (definition === undefined || text === "") continue;
    const parsed = parseValue(definition, text);
    if ("problem" in parsed) {
      throw new ConfigError(`invalid value ${JSON.stringify(text)} for ${variable}: ${parsed.problem}`);
    }
    given.set(name, text);
  }
  return unrecognized;
}

function conflict(variable: string): ConfigError {
  return new ConfigError(
    "conflicting environment variable is shadowed by corresponding command-line flag " +
      "(either unset environment variable or disable flag))",
    1,
    { "environment-variable": variable },
  );
}

/** The value of each flag: that of its text, or the default. */
function valuesOf(given: ReadonlyMap<string, string>): Map<string, FlagValue> {
  const values = new Map<string, FlagValue>();
  for (const [name, definition] of FLAGS) {
    const parsed = parseValue(definition, given.get(name) ?? definition.defaultText);
    // Texts were checked when they were given, and defaults are right.
    if ("value" in parsed) values.set(name, parsed.value);
  }
  return values;
}

/** The value of each flag when nothing is given. */
export function defaultValues(): Map<string, FlagValue> {
  return valuesOf(new Map());
}
