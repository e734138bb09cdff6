import type { ServerResponse } from "node:http";

const HEADERS = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

export function notFound(res: ServerResponse): void {
  res.writeHead(404, HEADERS);
  res.end("404 page not found\n");
}

export function methodNotAllowed(res: ServerResponse): void {
  res.writeHead(405, { ...HEADERS, allow: "GET" });
  res.end("Method Not Allowed\n");
}
