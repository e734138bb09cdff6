/** A command line and what comes with it. */
export interface Line {
  /** Words as in a shell, with single or double quotes. `{name}` stands for what an earlier line has captured. */
  readonly line: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Names what the expression's first group matches in the output. */
  readonly capture?: Readonly<Record<string, RegExp>>;
  /** It ends when it is told to, or by what happens meanwhile. */
  readonly stays?: Stay;
  /** Help may have words of its own: which commands and flags it names has to be the same. */
  readonly help?: boolean;
  /** What is not the same twice, taken out of the output before it is compared. */
  readonly without?: RegExp;
  /** What comes in any order: all that matches is compared as if it had come sorted. */
  readonly anyOrder?: RegExp;
}

/** How a line is kept in the background, and ended. Nothing of it is a matter of time: each step waits for a sign. */
export interface Stay {
  /** That it is there, when that matters to what comes meanwhile. */
  readonly ready?: Sign;
  readonly meanwhile?: readonly (string | Line)[];
  /** That it has done all that it is to do: the end of its output, since it is ended then. */
  readonly until: Sign;
  readonly signal: NodeJS.Signals;
}

/** Its own output matches; or that of another line does, which is asked again and again. */
export type Sign = RegExp | { readonly line: string; readonly matches: RegExp };

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
  return lines.map(lineOf).reduce((sum, { stays }) => sum + 1 + countLines(stays?.meanwhile ?? []), 0);
}

/** Words as in a shell: quotes group, and a backslash in double quotes escapes. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/((?:'[^']*'|"(?:[^"\\]|\\.)*"|[^\s'"]+)+)/g)].map(([word]) =>
    word!.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"/g, (_, single?: string, double?: string) =>
      single !== undefined ? single : double!.replace(/\\(.)/g, "$1"),
    ),
  );
}
