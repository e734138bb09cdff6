/** Of the status line and all headers. */
const MAX_HEAD_BYTES = 16 * 2 ** 10;
/** Of a chunk's size with its extensions, and of a trailer. */
const MAX_LINE_BYTES = 1024;
/** Of a chunk's size in the form that is read without making a string of it. */
const MOST_PLAIN_DIGITS = 12;
const CR = 13;
const LF = 10;

export class HttpError extends Error {
  override readonly name = "HttpError";
}

export interface ResponseHead {
  readonly status: number;
  /** By lower-case name; of several the last one. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface ResponseHandler {
  onHead(head: ResponseHead): void;
  /** Part of the body: a view, and where it lies in it. */
  onBody(chunk: Uint8Array, start: number, end: number): void;
  /** The body is complete. */
  onEnd(): void;
}

type Expected = "head" | "size" | "data" | "afterData" | "trailer" | "identity" | "nothing";

/**
 * Reads one HTTP/1.1 response whose body may never end. By hand, because what a socket gives at once is then handed on
 * at once: node:http's client tells of each chunk by itself, and never when it has told of all.
 */
export class ResponseReader {
  readonly #handler: ResponseHandler;
  #expected: Expected = "head";
  #head = "";
  #line = "";
  /** Bytes of the chunk, or of the body, that are still to come. */
  #remaining = 0;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** Throws `HttpError` when that is no response, and what the handler throws. */
  push(bytes: Buffer): void {
    let at = 0;
    if (this.#expected === "head") at = this.#readHead(bytes);
    while (at < bytes.length) {
      if (this.#expected === "data" || this.#expected === "identity") at = this.#readData(bytes, at);
      else if (this.#expected === "nothing") throw new HttpError("bytes after the end of the response");
      else at = this.#readLine(bytes, at);
    }
  }

  /** The connection ended. Throws when the response had not. */
  end(): void {
    if (this.#expected === "identity" && this.#remaining === Number.POSITIVE_INFINITY) {
      this.#finish();
    } else if (this.#expected !== "nothing") throw new HttpError("unexpected EOF");
  }

  #readHead(bytes: Buffer): number {
    const before = this.#head.length;
    this.#head += bytes.toString("latin1", 0, MAX_HEAD_BYTES);
    const end = this.#head.indexOf("\r\n\r\n", Math.max(0, before - 3));
    if (end < 0) {
      if (this.#head.length >= MAX_HEAD_BYTES) throw new HttpError("response headers are too large");
      return bytes.length;
    }
    const head = parseHead(this.#head.slice(0, end));
    this.#head = "";
    this.#expectBody(head);
    this.#handler.onHead(head);
    if (this.#remaining === 0 && this.#expected === "identity") this.#finish();
    return end + 4 - before;
  }

  #expectBody({ headers }: ResponseHead): void {
    if (/\bchunked\s*$/i.test(headers.get("transfer-encoding") ?? "")) {
      this.#expected = "size";
      return;
    }
    const length = headers.get("content-length");
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new HttpError("invalid Content-Length");
    this.#expected = "identity";
    this.#remaining = length === undefined ? Number.POSITIVE_INFINITY : Number(length);
  }

  #readData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    this.#handler.onBody(bytes, at, end);
    if (this.#remaining === 0) {
      if (this.#expected === "identity") this.#finish();
      else this.#expected = "afterData";
    }
    return end;
  }

  /** A line that ends with CR LF (or LF alone), perhaps of pieces. */
  #readLine(bytes: Buffer, at: number): number {
    if (this.#expected === "size" && this.#line === "") {
      const end = this.#readPlainSize(bytes, at);
      if (end >= 0) return end;
    }
    const lineEnd = bytes.indexOf(LF, at);
    const end = lineEnd < 0 ? bytes.length : lineEnd;
    if (this.#line.length + end - at > MAX_LINE_BYTES) throw new HttpError("line is too long");
    if (lineEnd < 0) {
      this.#line += bytes.toString("latin1", at, end);
      return end;
    }
    // The usual case, as that of a size, needs no string.
    if (this.#line === "" && this.#expected === "afterData" && end - at === 1 && bytes[at] === CR) {
      this.#expected = "size";
      return end + 1;
    }
    const line = (this.#line + bytes.toString("latin1", at, end)).replace(/\r$/, "");
    this.#line = "";
    this.#takeLine(line);
    return end + 1;
  }

  /** A size as members write it, nothing but a few digits, if all of its line is there: its end, or -1. */
  #readPlainSize(bytes: Buffer, at: number): number {
    const stop = Math.min(bytes.length - 1, at + MOST_PLAIN_DIGITS + 1);
    let size = 0;
    for (let i = at; i < stop; i++) {
      const byte = bytes[i]!;
      if (byte === CR && i > at && bytes[i + 1] === LF) {
        this.#expectData(size);
        return i + 2;
      }
      const digit = hexDigit(byte);
      if (digit < 0) return -1;
      size = size * 16 + digit;
    }
    return -1;
  }

  #takeLine(line: string): void {
    if (this.#expected === "afterData") {
      if (line !== "") throw new HttpError("malformed chunked encoding");
      this.#expected = "size";
    } else if (this.#expected === "size") {
      const size = /^([0-9a-fA-F]{1,13})[ \t]*(?:;|$)/.exec(line);
      if (size === null) throw new HttpError("malformed chunked encoding");
      this.#expectData(Number.parseInt(size[1]!, 16));
    } else if (line === "") this.#finish();
  }

  #expectData(size: number): void {
    this.#remaining = size;
    this.#expected = size === 0 ? "trailer" : "data";
  }

  #finish(): void {
    this.#expected = "nothing";
    this.#handler.onEnd();
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

function parseHead(text: string): ResponseHead {
  const [statusLine, ...lines] = text.split("\r\n");
  const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine!);
  if (match === null) throw new HttpError("malformed HTTP response");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new HttpError("malformed HTTP header");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(match[1]), headers };
}
