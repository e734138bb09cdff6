/** Writes docs/configuration.md, which lists every setting, from the table of flags: `node scripts/configuration-page.ts`. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { FLAG_SECTIONS, type FlagDefinition, variableOf } from "@quorate/server";

const INTRODUCTION = `# Configuration

A member is told its settings by flags, by environment variables, or by a file. This page is made from the table that all of
them are read by (\`node scripts/configuration-page.ts\`); names, defaults and rules are etcd's.

- A **flag** has one or two dashes: \`--name m1\` or \`--name=m1\`. Flags that are on or off take a value only with \`=\`. The last
  mention counts, of \`--feature-gates\` each.
- A **variable** counts like its flag. Both for the same setting are refused, also when the variable is empty; an empty one
  without the flag is none.
- A **file** (\`--config-file\`, or \`ETCD_CONFIG_FILE\`) replaces all flags and variables; what it does not have is as by
  default. It is YAML, of which JSON is a part. Keys that mean nothing are named in a warning.

A duration is \`300ms\`, \`1m30s\` or the like; in a file it is a whole number of nanoseconds. Numbers may be written as \`0x10\`,
\`0b10\`, \`0o17\` and \`1_000\`. Lists have commas between their items; in a file those of the kind \`list\` are lists of YAML, and
URLs, origins and hosts are one text with commas. A section of the file is the part before the dot: \`socket-options.reuse-port\` is
\`reuse-port\` in \`socket-options\`.

Without a usable setting a member does not start, and says in one line what is wrong; under the name \`etcd\` it says so in
etcd's words, and ends with etcd's exit code: 2 for what is no flag or no value of one, and 1 for everything else.

With \`--enable-pprof\` a member serves, beside its clients, profiles that Chrome's developer tools open (\`/debug/pprof/\` lists
them), and \`PUT /debug/log-level?level=debug\` changes what it logs while it runs; \`GET\` tells the level. Whoever reaches the
client port may do so; the log says who has changed its level, whatever that was. With \`--log-level=debug\` alone there are
profiles, as in etcd, and the level is told but not changed. When it serves its clients, a member tells systemd
(\`Type=notify\`). SIGTERM and SIGINT have it hand over and
close, and end it by that signal; the first process of a container ends with 0.
`;

/** The whole page. */
export function configurationPage(): string {
  const sections = FLAG_SECTIONS.map(({ title, flags }) => {
    const rows = flags.map((flag) => `| ${cells(flag).map(escaped).join(" | ")} |\n`).join("");
    return `\n## ${title}\n\n| flag | kind | default | variable | in a file | meaning |\n|---|---|---|---|---|---|\n${rows}`;
  });
  return INTRODUCTION + sections.join("");
}

function cells(flag: FlagDefinition): string[] {
  const { name, kind, defaultText, fileKey } = flag;
  const shown = (text: string) => (text === "" ? "" : `\`${text}\``);
  const variable = name === "version" ? "" : variableOf(name);
  return [
    `\`--${name}\``,
    kind,
    shown(defaultText),
    shown(variable),
    shown(fileKey?.join(".") ?? ""),
    meaning(flag),
  ];
}

function meaning({ help, reason }: FlagDefinition): string {
  return reason === undefined ? help : `${help} No effect: ${reason}.`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

export const PAGE = path.resolve(import.meta.dirname, "../docs/configuration.md");

if (import.meta.main) writeFileSync(PAGE, configurationPage());
