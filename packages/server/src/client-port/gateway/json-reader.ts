import { type Facts, type FailureCode, RequestError } from "../../errors.ts";

/** What is wrong with the meaning of a JSON value: it does not fit the message it should be. */
export class JsonMappingError extends RequestError {}

export type TokenKind =
  | "{"
  | "}"
  | "["
  | "]"
  | ","
  | ":"
  | "string"
  | "number"
  | "true"
  | "false"
  | "null"
  | "end";

const LONGEST_QUOTE = 80;

/**
 * Tokens of one JSON value whose syntax has been checked before. `text` is all of it. The token that was read last is in
 * `kind`, from `start` to `end`.
 */
export class JsonReader {
  readonly #text: string;
  kind: TokenKind = "end";
  start = 0;
  end = 0;

  constructor(text: string) {
    this.#text = text;
    this.advance();
  }

  /** The token as it stands in the text. */
  get raw(): string {
    return this.#text.slice(this.start, this.end);
  }

  /** Whether the current token is of this kind. (A comparison with `kind` would outlive `advance` for the compiler.) */
  is(kind: TokenKind): boolean {
    return this.kind === kind;
  }

  advance(): void {
    const text = this.#text;
    let pos = this.end;
    while (pos < text.length && " \n\r\t".includes(text[pos]!)) pos++;
    this.start = pos;
    const char = text[pos];
    switch (char) {
      case undefined:
        this.kind = "end";
        this.end = pos;
        return;
      case "{":
      case "}":
      case "[":
      case "]":
      case ",":
      case ":":
        this.kind = char;
        this.end = pos + 1;
        return;
      case '"':
        this.kind = "string";
        this.end = endOfString(text, pos);
        return;
      case "t":
        this.kind = "true";
        this.end = pos + 4;
        return;
      case "f":
        this.kind = "false";
        this.end = pos + 5;
        return;
      case "n":
        this.kind = "null";
        this.end = pos + 4;
        return;
      default:
        this.kind = "number";
        pos++;
        while (pos < text.length && "0123456789+-.eE".includes(text[pos]!)) pos++;
        this.end = pos;
    }
  }

  /** The value of the string token. */
  string(): string {
    const value: string = JSON.parse(this.raw);
    if (!value.isWellFormed()) throw this.error("JSON_ESCAPE", [this.quoted()]);
    return value;
  }

  unexpected(): JsonMappingError {
    return this.error("JSON_TOKEN", [this.quoted()]);
  }

  /** The token as error messages show it. */
  quoted(): string {
    const raw = this.raw;
    return raw.length <= LONGEST_QUOTE ? raw : `${raw.slice(0, LONGEST_QUOTE)}…`;
  }

  /** `facts` follow the place of the mistake. */
  error(code: FailureCode, facts: Facts, at: number = this.start): JsonMappingError {
    const before = this.#text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - (before.lastIndexOf("\n") + 1) + 1;
    return new JsonMappingError(code, line, column, ...facts);
  }
}

function endOfString(text: string, start: number): number {
  let pos = start + 1;
  for (;;) {
    const quote = text.indexOf('"', pos);
    // Escaped if an odd number of backslashes precedes it.
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    pos = quote + 1;
  }
}
