import { FLAG_SECTIONS, type FlagDefinition, variableOf } from "@quorate/server";

export interface HelpStyle {
  /** Lines are broken before they are wider. */
  readonly columns: number;
  /** Titles stand out. */
  readonly bold: boolean;
}

const HELP_INDENT = "    ";
const WIDEST = 100;

/** For what a stream goes to: a terminal has a width and can emphasize. */
export function styleFor({ isTTY, columns }: { isTTY?: boolean; columns?: number }): HelpStyle {
  return { columns: Math.min(columns ?? WIDEST, WIDEST), bold: isTTY === true };
}

/** How the command is called, in a few lines. */
export function usageText(program: string): string {
  const lines: [call: string, what: string][] = [
    [`${program} [flags]`, "Start a member."],
    [`${program} --version`, "Show the version."],
    [`${program} -h | --help`, "Show this, and every flag."],
    [
      `${program} --config-file FILE`,
      "Start a member as a file of YAML or JSON says: all other flags and variables are ignored then. Durations are " +
        "whole numbers of nanoseconds in it.",
    ],
  ];
  const calls = lines.map(([call, what]) => `  ${call}\n${wrap(what, HELP_INDENT, WIDEST)}\n`).join("\n");
  const variable = variableOf("listen-client-urls");
  const also = `Every flag can also be given as an environment variable: --listen-client-urls is ${variable}.`;
  return `Usage:\n\n${calls}\n${wrap(also, "  ", WIDEST)}\n`;
}

/** Every flag with its default, in the groups and the layout of etcd's help. */
export function flagsText({ columns, bold }: HelpStyle): string {
  const sections = FLAG_SECTIONS.map(({ title, flags }) => {
    const head = bold ? `\x1b[1m${title}:\x1b[22m` : `${title}:`;
    return `${head}\n${flags.map((flag) => flagText(flag, columns)).join("")}`;
  });
  return `\n${sections.join("\n")}\n`;
}

function flagText({ name, defaultText, help, reason }: FlagDefinition, columns: number): string {
  const text = reason === undefined ? help : `${help} No effect: ${reason}.`;
  return `  --${name} '${defaultText}'\n${wrap(text, HELP_INDENT, columns)}\n`;
}

function wrap(text: string, indent: string, columns: number): string {
  const lines = [indent];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === indent) lines[lines.length - 1] = indent + word;
    else if (line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(indent + word);
  }
  return lines.join("\n");
}
