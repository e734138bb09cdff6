import type { Result } from "./run-line.ts";
import type { Line } from "./scenario.ts";

/** Without what is not the same twice: times, what the line names itself, and `values`, in whose places stand their names. */
export function normalized(
  result: Result,
  { without, anyOrder, help }: Line,
  values: ReadonlyMap<string, string>,
): Result {
  const clean = (text: string) => {
    let cleaned = text
      .replace(/^\{"level":.*\n/gm, "")
      // Go's asks a program to hide what is typed, which finds no terminal.
      .replace(/^stty: .*\n/gm, "")
      .replace(/took(?: =|"?:|) ?"?[\d.]+[a-zµ]+s?/g, "took");
    for (const [name, value] of values) {
      if (value === "") continue;
      // In a sentence IDs of fewer than 16 digits have spaces before them.
      cleaned = cleaned.replaceAll(value.padStart(16), `{${name}}`).replaceAll(value, `{${name}}`);
    }
    if (without !== undefined) cleaned = cleaned.replace(without, "");
    return anyOrder === undefined ? cleaned : withSorted(cleaned, anyOrder);
  };
  // How a command is used is told in words of our own.
  const stderr = clean(result.stderr).replace(/^Usage:[\s\S]*/m, "Usage:\n");
  const stdout = clean(result.stdout);
  return { ...result, stdout: help === true ? namesIn(stdout) : stdout, stderr };
}

function withSorted(text: string, what: RegExp): string {
  const sorted = [...text.matchAll(what)].map(([match]) => match).sort();
  return text.replace(what, () => sorted.shift()!);
}

/** Commands and flags that a help text names. */
function namesIn(text: string): string {
  const commands = [...text.matchAll(/^ {2}([a-z][\w-]*) +\S/gm)].map(([, name]) => name);
  const flags = [...text.matchAll(/^ {2}.{4}(--[\w-]+(?: \w+)?) {2,}/gm)].map(([, name]) => name);
  // The first line says in words of its own what the command is.
  const headings = [...text.matchAll(/(?<=\n)[A-Z][\w -]*(?:commands|Flags:|Usage:)$/gm)].map(
    ([name]) => name,
  );
  return [...headings, ...commands.filter((name) => name !== "etcdctl"), ...flags].join("\n");
}
