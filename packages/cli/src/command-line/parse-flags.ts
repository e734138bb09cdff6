import type { FlagSpec } from "./flag-spec.ts";
import type { FlagValues } from "./flag-values.ts";

/** What is wrong with a command line; told together with how the command is used. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Flags may stand anywhere before `--`. Sets them in `values`, and returns what else there is. Throws UsageError. */
export function parseFlags(args: readonly string[], values: FlagValues): string[] {
  const positional: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...positional, ...args.slice(i + 1)];
    const next = () => {
      i++;
      return args[i];
    };
    if (arg.startsWith("--")) parseLong(arg, values, next);
    else if (arg.startsWith("-") && arg.length > 1) parseShort(arg, values, next);
    else positional.push(arg);
  }
  return positional;
}

function parseLong(arg: string, values: FlagValues, next: () => string | undefined): void {
  const [, name, , given] = /^--([^=]*)(=(.*))?$/s.exec(arg)!;
  if (name === "" || name!.startsWith("-")) throw new UsageError(`bad flag syntax: ${arg}`);
  const spec = values.byName(name!);
  if (spec === undefined) throw new UsageError(`unknown flag: --${name}`);
  const text = given ?? (spec.kind === "bool" ? "true" : next());
  if (text === undefined) throw new UsageError(`flag needs an argument: --${name}`);
  setValue(spec, text, values);
}

/** Several switches may stand together, the last of which may take a value: `-iw json`, `-wjson`, `-w=json`. */
function parseShort(arg: string, values: FlagValues, next: () => string | undefined): void {
  let letters = arg.slice(1);
  while (letters !== "") {
    const letter = letters[0]!;
    const rest = letters.slice(1);
    const spec = values.byShort(letter);
    if (spec === undefined) throw new UsageError(`unknown shorthand flag: '${letter}' in -${letters}`);
    if (rest.startsWith("=")) {
      setValue(spec, rest.slice(1), values);
      return;
    }
    if (spec.kind !== "bool") {
      const text = rest === "" ? next() : rest;
      if (text === undefined) throw new UsageError(`flag needs an argument: '${letter}' in -${letters}`);
      setValue(spec, text, values);
      return;
    }
    setValue(spec, "true", values);
    letters = rest;
  }
}

function setValue(spec: FlagSpec, text: string, values: FlagValues): void {
  try {
    values.set(spec, text);
  } catch (error) {
    const shown = spec.short === undefined ? `--${spec.name}` : `-${spec.short}, --${spec.name}`;
    throw new UsageError(
      `invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${(error as Error).message}`,
    );
  }
}
