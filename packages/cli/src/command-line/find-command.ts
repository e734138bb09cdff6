import type { CommandPath, CommandSpec } from "./command.ts";
import type { FlagSpec } from "./flag-spec.ts";

export interface FoundCommand {
  readonly path: CommandPath;
  /** The command line without the names of the commands. */
  readonly args: readonly string[];
}

export function lastOf(path: CommandPath): CommandSpec {
  return path.at(-1)!;
}

/** `etcdctl member add` */
export function pathText(path: CommandPath): string {
  return path.map(({ name }) => name).join(" ");
}

/** The flags of what a command lies in, which it knows, too. */
export function inheritedFlags(path: CommandPath): readonly FlagSpec[] {
  return path.slice(0, -1).flatMap(({ sharedFlags = [] }) => sharedFlags);
}

const HELP_FLAG: FlagSpec = {
  name: "help",
  short: "h",
  kind: "bool",
  byDefault: "false",
  help: "help for this command",
};

export function ownFlags(path: CommandPath): readonly FlagSpec[] {
  const { flags = [], sharedFlags = [] } = lastOf(path);
  return [...flags, ...sharedFlags, HELP_FLAG];
}

export function allFlags(path: CommandPath): readonly FlagSpec[] {
  return [...ownFlags(path), ...inheritedFlags(path)];
}

/** Goes down as far as names of commands are given; prefixes of names are names, where only one begins so. */
export function findCommand(path: CommandPath, args: readonly string[]): FoundCommand {
  const [name] = withoutFlags(args, allFlags(path));
  const next = name === undefined ? undefined : childNamed(lastOf(path), name);
  if (next === undefined) return { path, args };
  return findCommand([...path, next], withoutFirst(args, name!, allFlags(path)));
}

export function childNamed({ commands = [] }: CommandSpec, name: string): CommandSpec | undefined {
  const exact = commands.find((command) => command.name === name);
  if (exact !== undefined) return exact;
  const beginning = commands.filter((command) => command.name.startsWith(name));
  const ofEtcd = beginning.filter(({ beyondEtcd }) => beyondEtcd !== true);
  const meant = ofEtcd.length > 0 ? ofEtcd : beginning;
  return meant.length === 1 ? meant[0] : undefined;
}

/** What is neither a flag nor the value of one. A flag that nobody knows is taken to have a value. */
export function withoutFlags(args: readonly string[], flags: readonly FlagSpec[]): string[] {
  return positions(args, flags).map((at) => args[at]!);
}

function withoutFirst(args: readonly string[], name: string, flags: readonly FlagSpec[]): string[] {
  const at = positions(args, flags).find((position) => args[position] === name)!;
  return args.toSpliced(at, 1);
}

function positions(args: readonly string[], flags: readonly FlagSpec[]): number[] {
  const found: number[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") break;
    if (takesNext(arg, flags)) i++;
    else if (arg !== "" && !arg.startsWith("-")) found.push(i);
  }
  return found;
}

function takesNext(arg: string, flags: readonly FlagSpec[]): boolean {
  if (arg.includes("=")) return false;
  if (arg.startsWith("--")) return flags.find(({ name }) => name === arg.slice(2))?.kind !== "bool";
  if (!arg.startsWith("-") || arg.length !== 2) return false;
  return flags.find(({ short }) => short === arg[1])?.kind !== "bool";
}
