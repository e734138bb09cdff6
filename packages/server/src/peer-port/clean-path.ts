import type http from "node:http";
import { posix } from "node:path";
import { answer } from "./answers.ts";

/** Where a request goes. */
export interface RequestTarget {
  /** Decoded. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** undefined when the target of the request is malformed. */
export function targetOf(request: http.IncomingMessage): RequestTarget | undefined {
  const url = (request.url ?? "").replace(/^https?:\/\/[^/?]*/, "");
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  try {
    return { path: decodeURIComponent(path), query: mark < 0 ? "" : url.slice(mark) };
  } catch {
    return undefined;
  }
}

/** The path without empty, `.` and `..` elements. */
export function cleanPath(path: string): string {
  return posix.normalize(path.startsWith("/") ? path : `/${path}`);
}

/** As Go's router sends to a clean path. */
export function redirect(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  target: RequestTarget,
): void {
  const location = encodeURI(target.path).replaceAll("?", "%3F").replaceAll("#", "%23") + target.query;
  if (request.method !== "GET" && request.method !== "HEAD") {
    answer(response, 307, { location }, "");
    return;
  }
  const escaped = location.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  const body = `<a href="${escaped}">Temporary Redirect</a>.\n\n`;
  answer(response, 307, { location, "content-type": "text/html; charset=utf-8" }, body);
}
