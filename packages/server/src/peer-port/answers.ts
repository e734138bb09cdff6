import type http from "node:http";
import { type Facts, HTTP_FAILURES, type HttpFailureCode, withFacts } from "../errors.ts";
import type { WholeAnswer } from "../http/request-target.ts";

export type Headers = Readonly<Record<string, string>>;

/** What is written of an answer in one turn of the loop: over TLS it costs much more than a copy. */
const PIECE_BYTES = 2 ** 18;

/** A whole answer; the body, which nobody may change any more, is written as fast as the other side takes it. */
export function answer(
  response: http.ServerResponse,
  status: number,
  headers: Headers,
  body: string | Uint8Array,
): void {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  response.writeHead(status, { ...headers, "content-length": String(bytes.length) });
  writeFrom(response, bytes, 0);
}

/**
 * As `answer`, with a body in parts. `release` is called with each of them when all is on its way; what nobody takes is left to
 * the collector.
 */
export function answerInParts(
  response: http.ServerResponse,
  status: number,
  headers: Headers,
  parts: readonly Uint8Array[],
  release: (part: Uint8Array) => void,
): void {
  let length = 0;
  for (const part of parts) length += part.length;
  response.writeHead(status, { ...headers, "content-length": String(length) });
  response.once("finish", () => {
    for (const part of parts) release(part);
  });
  writePartsFrom(response, parts, 0);
}

function writePartsFrom(response: http.ServerResponse, parts: readonly Uint8Array[], first: number): void {
  let written = 0;
  let mayGoOn = true;
  let i = first;
  for (; i < parts.length && mayGoOn && written < PIECE_BYTES; i++) {
    mayGoOn = response.write(parts[i]!);
    written += parts[i]!.length;
  }
  if (i === parts.length) {
    response.end();
    return;
  }
  const goOn = () =>
    setImmediate(() => {
      if (!response.destroyed) writePartsFrom(response, parts, i);
    });
  if (mayGoOn) goOn();
  else response.once("drain", goOn);
}

function writeFrom(response: http.ServerResponse, body: Uint8Array, start: number): void {
  const end = start + PIECE_BYTES;
  if (end >= body.length) {
    response.end(start === 0 ? body : body.subarray(start));
    return;
  }
  const goOn = () =>
    setImmediate(() => {
      if (!response.destroyed) writeFrom(response, body, end);
    });
  if (response.write(body.subarray(start, end))) goOn();
  else response.once("drain", goOn);
}

/** A failure as Go's `http.Error` writes it. */
export function answerError(
  response: http.ServerResponse,
  failure: HttpFailureCode,
  { facts = [], headers = {} }: { readonly facts?: Facts; readonly headers?: Headers } = {},
): void {
  const form = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  const [status, text] = HTTP_FAILURES[failure];
  answer(response, status, { ...headers, ...form }, `${withFacts(text, facts)}\n`);
}

/** As Go's server answers what is no request. */
export function answerMalformed(response: http.ServerResponse): void {
  const [status, text] = HTTP_FAILURES.BAD_REQUEST;
  answer(response, status, { "content-type": "text/plain; charset=utf-8", connection: "close" }, text);
}

export function answerWhole(response: http.ServerResponse, { status, headers, text }: WholeAnswer): void {
  answer(response, status, Object.fromEntries(headers), text);
}

/** A failure as those handlers of etcd write it that members talk to in JSON. */
export function answerErrorInJson(
  response: http.ServerResponse,
  failure: HttpFailureCode,
  headers: Headers = {},
): void {
  const [status, message] = HTTP_FAILURES[failure];
  const form = { ...headers, "content-type": "application/json" };
  answer(response, status, form, JSON.stringify({ message }));
}

/** Answers 405 and returns false when the method is another one. HEAD is not GET here. */
export function allowMethod(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  method: "GET" | "POST",
): boolean {
  if (request.method === method) return true;
  answerError(response, "METHOD_NOT_ALLOWED", { headers: { allow: method } });
  return false;
}

/** The body of a request; `tooLarge` is set, and the body empty, when it has more than `maxBytes`. */
export interface Body {
  readonly bytes: Buffer;
  readonly tooLarge: boolean;
}

/** Rejects when the request breaks off. */
export function readBody(request: http.IncomingMessage, maxBytes: number): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        chunks.length = 0;
        // The rest is not waited for; whoever answers ends the connection.
        request.pause();
        resolve({ bytes: Buffer.alloc(0), tooLarge: true });
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve({ bytes: Buffer.concat(chunks), tooLarge: false }));
    request.on("error", reject);
    request.on("close", () => reject(new Error("the request broke off")));
  });
}

/** The body; undefined when the request has been answered, as it broke off or is longer, which is the same to members. */
export async function readSmallBody(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const body = await readBody(request, maxBytes).catch(() => undefined);
  if (body !== undefined && !body.tooLarge) return body.bytes;
  answerError(response, "BODY_BROKEN_OFF", { headers: { connection: "close" } });
  return undefined;
}
