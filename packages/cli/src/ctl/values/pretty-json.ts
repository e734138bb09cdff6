import { isUtf8 } from "node:buffer";

const INDENT = "  ";
/** A string, a mark or anything else between marks. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gy;
const BLANKS = /\s*/y;

/** An object or a list on a line for each of its members; undefined when the bytes are no JSON, or of a value alone. */
export function prettyJson(value: Uint8Array): string | undefined {
  if (!isUtf8(value)) return undefined;
  const text = Buffer.from(value).toString();
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  // What was read is not written again: numbers keep all of their digits, and members their order.
  return laidOut(tokensOf(text));
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; ; ) {
    BLANKS.lastIndex = at;
    at += BLANKS.exec(text)![0].length;
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return tokens;
    tokens.push(token);
    at += token.length;
  }
}

function laidOut(tokens: readonly string[]): string {
  const parts: string[] = [];
  let depth = 0;
  const newLine = () => `\n${INDENT.repeat(depth)}`;
  for (const [i, token] of tokens.entries()) {
    const isEmpty = (token === "{" && tokens[i + 1] === "}") || (token === "[" && tokens[i + 1] === "]");
    if (isEmpty) parts.push(token);
    else if (token === "{" || token === "[") {
      depth++;
      parts.push(token, newLine());
    } else if (token === "}" || token === "]") {
      if (tokens[i - 1] === "{" || tokens[i - 1] === "[") parts.push(token);
      else {
        depth--;
        parts.push(newLine(), token);
      }
    } else if (token === ",") parts.push(token, newLine());
    else if (token === ":") parts.push(": ");
    else parts.push(token);
  }
  return parts.join("");
}
