import { HTTP_FAILURES, type HttpFailureCode } from "../errors.ts";

/** What the plain endpoints need of a request; node:http's and HTTP/2's both have it. */
export interface PlainRequest {
  readonly method?: string | undefined;
  /** Where it comes from, over HTTP/1.1; and over HTTP/2. */
  readonly socket?: { readonly remoteAddress?: string | undefined };
  readonly peer?: { readonly address: string };
}

/** What the plain endpoints need of a response. */
export interface PlainResponse {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(text: string): unknown;
}

/** A response that is handed to `respond` as a whole. */
export function wholeResponse(
  respond: (status: number, headers: Record<string, string>, text: string) => void,
): PlainResponse {
  let status = 200;
  let headers: Record<string, string> = {};
  return {
    writeHead: (givenStatus, givenHeaders) => {
      status = givenStatus;
      headers = givenHeaders;
    },
    end: (text) => respond(status, headers, text),
  };
}

const HEADERS = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

export function notFound(res: PlainResponse): void {
  answerFailure(res, "PAGE_NOT_FOUND");
}

export function methodNotAllowed(res: PlainResponse): void {
  answerFailure(res, "METHOD_NOT_ALLOWED", { allow: "GET" });
}

/** As Go's `http.Error` writes it. */
export function answerFailure(
  res: PlainResponse,
  failure: HttpFailureCode,
  headers: Readonly<Record<string, string>> = {},
): void {
  const [status, text] = HTTP_FAILURES[failure];
  res.writeHead(status, { ...HEADERS, ...headers });
  res.end(`${text}\n`);
}
