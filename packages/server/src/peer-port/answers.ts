import type http from "node:http";

export type Headers = Readonly<Record<string, string>>;

/** A whole answer at once. */
export function answer(
  response: http.ServerResponse,
  status: number,
  headers: Headers,
  body: string | Uint8Array,
): void {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  response.writeHead(status, { ...headers, "content-length": String(bytes.length) });
  response.end(bytes);
}

/** An error as Go's `http.Error` writes it; other members compare the text. */
export function answerError(
  response: http.ServerResponse,
  status: number,
  text: string,
  headers: Headers = {},
): void {
  const form = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  answer(response, status, { ...headers, ...form }, `${text}\n`);
}

/** Answers 405 and returns false when the method is another one. HEAD is not GET here. */
export function allowMethod(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  method: "GET" | "POST",
): boolean {
  if (request.method === method) return true;
  answerError(response, 405, "Method Not Allowed", { allow: method });
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
