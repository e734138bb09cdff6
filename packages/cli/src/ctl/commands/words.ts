import { Exit, ExitCode } from "../../command-line/exit.ts";
import { unquotePrefix } from "../../go-text/quote.ts";

const WORD = /"(?:[^"\\]|\\.)*"|'[^']*'|[^'"\s]\S*[^'"\s]?/g;

/** The words of a line: bare ones, and in quotes; double quotes have escapes as in Go. Throws Exit when one is malformed. */
export function splitWords(line: string): string[] {
  return (line.match(WORD) ?? []).map((word) => {
    if (word.startsWith("'")) return word.slice(1, -1);
    if (!word.startsWith('"')) return word;
    const literal = unquotePrefix(word);
    if (literal === undefined) throw new Exit(ExitCode.INVALID_INPUT, "bad unquoted string");
    return literal.value.toString();
  });
}
