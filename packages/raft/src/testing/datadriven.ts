/**
 * Files of directives with their expected output, in the format of cockroachdb/datadriven v1.0.2:
 *
 *     command argument key=value key=(value, value)
 *     input
 *     ----
 *     expected output, up to a blank line
 */

export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

export interface Directive {
  /** `file:line` of the command. */
  readonly position: string;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
}

/** Makes the output of one directive. */
export type DirectiveHandler = (directive: Directive) => string;

/** The file itself is wrong, or asks for something that cannot be done: no output could be right. */
export class DataDrivenError extends Error {
  constructor(position: string, text: string) {
    super(`${position}: ${text}`);
    this.name = "DataDrivenError";
  }
}

export interface Mismatch {
  readonly directive: Directive;
  readonly expected: string;
  readonly actual: string;
}

/** Runs all directives of `text` in order. Stops at the first whose output is not the expected one, and returns it. */
export function runDirectives(name: string, text: string, handle: DirectiveHandler): Mismatch | undefined {
  for (const { directive, expected } of new DirectiveReader(name, text).readAll()) {
    const actual = outputOf(handle, directive);
    if (actual !== expected) return { directive, expected, actual };
  }
  return undefined;
}

/** `text` with the expected output of every directive replaced by the actual one. */
export function rewriteDirectives(name: string, text: string, handle: DirectiveHandler): string {
  let result = "";
  for (const { directive, source } of new DirectiveReader(name, text).readAll(true)) {
    result += source;
    if (directive.command === "subtest" || directive.command === "") continue;
    const actual = outputOf(handle, directive);
    const hasBlankLine = actual
      .split("\n")
      .slice(0, -1)
      .some((line) => line.trim() === "");
    result += hasBlankLine ? `----\n----\n${actual}----\n----\n\n` : `----\n${actual}\n`;
  }
  return result.endsWith("\n\n") ? result.slice(0, -1) : result;
}

function outputOf(handle: DirectiveHandler, directive: Directive): string {
  const output = handle(directive);
  return output === "" || output.endsWith("\n") ? output : `${output}\n`;
}

/** The commands of a file, to tell what kind of file it is. */
export function commandsOf(name: string, text: string): Set<string> {
  return new Set([...new DirectiveReader(name, text).readAll()].map(({ directive }) => directive.command));
}

interface ReadDirective {
  readonly directive: Directive;
  readonly expected: string;
  /** All lines since the last directive up to the separator, as they stand in the file. */
  readonly source: string;
}

class DirectiveReader {
  readonly #name: string;
  readonly #lines: readonly string[];
  #at = 0;
  #source = "";
  readonly #subtests: string[] = [];

  constructor(name: string, text: string) {
    this.#name = name;
    const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
    if (lines.at(-1) === "") lines.pop();
    this.#lines = lines;
  }

  *readAll(withRemainder = false): Generator<ReadDirective> {
    for (;;) {
      this.#source = "";
      const next = this.#next();
      if (next === undefined) break;
      if (next.directive.command !== "subtest") {
        yield next;
        continue;
      }
      this.#subtest(next.directive);
      if (withRemainder) yield next;
    }
    if (this.#subtests.length > 0) this.#fail("EOF encountered without subtest end directive");
    if (withRemainder && this.#source !== "") {
      const directive = { position: this.#position(), command: "", args: [], input: "" };
      yield { directive, expected: "", source: this.#source };
    }
  }

  #position(): string {
    return `${this.#name}:${this.#at}`;
  }

  #fail(text: string): never {
    throw new DataDrivenError(this.#position(), text);
  }

  #nextLine(): string | undefined {
    return this.#lines[this.#at++];
  }

  #emit(line: string): void {
    this.#source += `${line}\n`;
  }

  #next(): ReadDirective | undefined {
    for (let raw = this.#nextLine(); raw !== undefined; raw = this.#nextLine()) {
      this.#emit(raw);
      const position = this.#position();
      let line = raw.trim();
      if (line.startsWith("#")) continue;
      while (line.endsWith("\\")) {
        const continuation = this.#nextLine();
        if (continuation === undefined) break;
        this.#emit(continuation);
        line = `${line.slice(0, -1)} ${continuation.trim()}`;
      }
      const { command, args } = parseDirectiveLine(line, position);
      if (command === "") continue;
      if (command === "subtest") {
        return { directive: { position, command, args, input: "" }, expected: "", source: this.#source };
      }
      const input: string[] = [];
      let hasExpectation = false;
      for (let next = this.#nextLine(); next !== undefined; next = this.#nextLine()) {
        if (next === "----") {
          hasExpectation = true;
          break;
        }
        this.#emit(next);
        input.push(next);
      }
      const source = this.#source;
      const expected = hasExpectation ? this.#expected() : "";
      return { directive: { position, command, args, input: input.join("\n").trim() }, expected, source };
    }
    return undefined;
  }

  #expected(): string {
    let line = this.#nextLine();
    let text = "";
    if (line !== "----") {
      for (; line !== undefined && line.trim() !== ""; line = this.#nextLine()) text += `${line}\n`;
      return text;
    }
    for (line = this.#nextLine(); line !== undefined; line = this.#nextLine()) {
      if (line !== "----") {
        text += `${line}\n`;
        continue;
      }
      const second = this.#nextLine();
      if (second === "----") {
        const after = this.#nextLine();
        if (after !== undefined && after !== "") {
          this.#fail("non-blank line after end of double ---- separator section");
        }
        return text;
      }
      text += second === undefined ? `${line}\n` : `${line}\n${second}\n`;
    }
    return text;
  }

  #subtest({ args }: Directive): void {
    const name = args[0]?.key;
    const current = this.#subtests.at(-1);
    if (name === "end") {
      if (current === undefined) this.#fail("subtest end without corresponding start");
      if (args.length > 2) this.#fail("invalid syntax for subtest end");
      if (args.length === 2 && args[1]!.key !== current) {
        this.#fail(`mismatched subtest end directive: expected "${current}", got "${args[1]!.key}"`);
      }
      this.#subtests.pop();
      return;
    }
    if (name === undefined || args.length !== 1) this.#fail("invalid syntax for subtest");
    if (current !== undefined && !name.startsWith(`${current}/`)) {
      this.#fail(`name of nested subtest must begin with "${current}/"`);
    }
    this.#subtests.push(name);
  }
}

/** Splits `line` into the command and its arguments. */
export function parseDirectiveLine(text: string, position: string): { command: string; args: Argument[] } {
  const line = text.trim();
  let at = 0;
  const fail = (): never => {
    throw new DataDrivenError(position, `cannot parse directive at column ${at + 1}: ${line}`);
  };
  const until = (stops: string): string => {
    const start = at;
    while (at < line.length && !stops.includes(line[at]!)) at++;
    return line.slice(start, at);
  };
  const skipBlanks = () => {
    while (at < line.length && line[at]!.trim() === "") at++;
  };
  const command = until(" ");
  const args: Argument[] = [];
  for (skipBlanks(); at < line.length; skipBlanks()) {
    const key = until(" =");
    if (key === "") fail();
    if (line[at] !== "=") {
      args.push({ key, values: [] });
      continue;
    }
    at++;
    if (line[at] !== "(") {
      args.push({ key, values: [until(" ")] });
      continue;
    }
    at++;
    const values: string[] = [];
    let start = at;
    for (let depth = 1; depth > 0; at++) {
      const character = line[at] ?? fail();
      if (character === "(") depth++;
      if (character === ")") depth--;
      if (character === "," && depth === 1) {
        values.push(line.slice(start, at));
        while (line[at + 1] === " ") at++;
        start = at + 1;
      }
    }
    values.push(line.slice(start, at - 1));
    args.push({ key, values });
  }
  return { command, args };
}

/** The values of argument `key`, or undefined when it is not there. */
export function valuesOf({ args }: Directive, key: string): readonly string[] | undefined {
  return args.find((arg) => arg.key === key)?.values;
}

export function scanUint({ position }: Directive, text: string): bigint {
  if (!/^\d+$/.test(text)) throw new DataDrivenError(position, `${JSON.stringify(text)} is not a number`);
  return BigInt(text);
}

export function scanInt(directive: Directive, text: string): number {
  return Number(scanUint(directive, text));
}

const TRUE_WORDS: readonly string[] = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE_WORDS: readonly string[] = ["0", "f", "F", "FALSE", "false", "False"];

export function parseBool(text: string): boolean | undefined {
  if (TRUE_WORDS.includes(text)) return true;
  return FALSE_WORDS.includes(text) ? false : undefined;
}

export function scanBool({ position }: Directive, text: string): boolean {
  const value = parseBool(text);
  if (value === undefined) {
    throw new DataDrivenError(position, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return value;
}
