/** A command line and what comes with it. */
export interface Line {
  /** Words as in a shell, with single or double quotes. `{name}` stands for what an earlier line has captured. */
  readonly line: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Names what the expression's first group matches in the output. */
  readonly capture?: Readonly<Record<string, RegExp>>;
  /** Runs in the background while these lines run, until its output matches `until`; then it gets the signal. */
  readonly meanwhile?: readonly (string | Line)[];
  readonly until?: RegExp;
  readonly signal?: NodeJS.Signals;
  /** Help may have words of its own: which commands and flags it names has to be the same. */
  readonly help?: boolean;
  /** What is not the same twice, taken out of the output before it is compared. */
  readonly without?: RegExp;
}

/** Command lines one after another, from a fresh member on. */
export interface Scenario {
  readonly name: string;
  readonly lines: readonly (string | Line)[];
}

export function lineOf(given: string | Line): Line {
  return typeof given === "string" ? { line: given } : given;
}

/** All lines, those in the background of others included. */
export function countLines(lines: readonly (string | Line)[]): number {
  return lines.map(lineOf).reduce((sum, { meanwhile = [] }) => sum + 1 + countLines(meanwhile), 0);
}

/** Words as in a shell: quotes group, and a backslash in double quotes escapes. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/((?:'[^']*'|"(?:[^"\\]|\\.)*"|[^\s'"]+)+)/g)].map(([word]) =>
    word!.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"/g, (_, single?: string, double?: string) =>
      single !== undefined ? single : double!.replace(/\\(.)/g, "$1"),
    ),
  );
}
