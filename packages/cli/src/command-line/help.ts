import type { CommandPath, CommandSpec } from "./command.ts";
import { lastOf, ownFlags, pathText } from "./find-command.ts";
import type { FlagSpec } from "./flag-spec.ts";

const NAME_WIDTH = 11;
const TYPES: Readonly<Record<FlagSpec["kind"], string>> = {
  string: "string",
  bool: "",
  int: "int",
  int64: "int",
  uint: "uint",
  duration: "duration",
  strings: "strings",
};

export function helpText(path: CommandPath): string {
  const { explainsSharedFlags, hint } = path[0];
  if (explainsSharedFlags === true) return usageText(path);
  const { long, short } = lastOf(path);
  return `${(long ?? short).trimEnd()}\n\n${usageText(path)}${hint === undefined ? "" : `${hint}\n`}`;
}

/** How a command is used, without what it is. Flags of all commands are left out where the program has a command for them. */
export function usageText(path: CommandPath): string {
  const command = lastOf(path);
  const all = path[0].explainsSharedFlags === true;
  const { commands = [], examples } = command;
  const whole = pathText(path);
  const lines = ["Usage:"];
  if (command.load !== undefined) lines.push(`  ${useLine(path)}`);
  if (commands.length > 0) lines.push(`  ${whole} [command]`);
  if (examples !== undefined) lines.push("", "Examples:", examples);
  if (commands.length > 0) lines.push(...commandLines(command));
  // The root's own flags are those of all commands.
  if (all || path.length > 1) lines.push("", "Flags:", flagTable(ownFlags(path)));
  const inherited = path.slice(all ? 0 : 1, -1).flatMap(({ sharedFlags = [] }) => sharedFlags);
  if (inherited.length > 0) lines.push("", "Global Flags:", flagTable(inherited));
  if (commands.length > 0)
    lines.push("", `Use "${whole} [command] --help" for more information about a command.`);
  return `${lines.join("\n")}\n`;
}

function useLine(path: CommandPath): string {
  const { takes = "" } = lastOf(path);
  return [pathText(path), takes, /\[(options|flags)\]/.test(takes) ? "" : "[flags]"]
    .filter((part) => part !== "")
    .join(" ");
}

function commandLines({ commands = [], groups }: CommandSpec): string[] {
  const sorted = commands.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const line = ({ name, short }: CommandSpec) => `  ${name.padEnd(NAME_WIDTH)} ${short}`;
  if (groups === undefined) return ["", "Available Commands:", ...sorted.map(line)];
  return groups.flatMap((title) => ["", title, ...sorted.filter(({ group }) => group === title).map(line)]);
}

/** One line a flag, sorted by name, explanations below each other. */
export function flagTable(flags: readonly FlagSpec[]): string {
  const rows = flags
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, short, kind, byDefault, help }) => {
      const type = TYPES[kind] === "" ? "" : ` ${TYPES[kind]}`;
      const head = `  ${short === undefined ? "    " : `-${short}, `}--${name}${type}`;
      return { head, help: `${help}${defaultText(kind, byDefault)}` };
    });
  const width = Math.max(...rows.map(({ head }) => head.length));
  return rows.map(({ head, help }) => `${head.padEnd(width)}   ${help}`).join("\n");
}

function defaultText(kind: FlagSpec["kind"], byDefault: string): string {
  if (byDefault === "" || byDefault === "0" || byDefault === "false") return "";
  if (kind === "string") return ` (default "${byDefault}")`;
  return ` (default ${kind === "strings" ? `[${byDefault}]` : byDefault})`;
}
