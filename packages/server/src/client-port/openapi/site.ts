import { Buffer } from "node:buffer";
import { HTTP_FAILURES } from "../../errors.ts";
import { plainPath } from "../../http/request-target.ts";
import { PRODUCT_VERSION } from "../../version.ts";
import type { GatewayResponse } from "../gateway/exchange.ts";
import type { Site } from "../gateway/gateway.ts";
import { methodsServed } from "../gateway/routes.ts";
import { openApiDocument } from "./document.ts";

/** `/openapi.json`: the document of what is answered in JSON. `serves` says of a method whether it is there. */
export function openApiSite(serves: (method: string) => boolean): Site {
  let text: string | undefined;
  return {
    owns: (target) => plainPath(target) === "/openapi.json",
    serve(_target, request, response) {
      request.stopReading();
      if (request.method !== "GET" && request.method !== "HEAD") {
        refuse(response);
        return;
      }
      text ??= `${JSON.stringify(openApiDocument(methodsServed(serves), PRODUCT_VERSION))}\n`;
      response.head(200, [
        ["Content-Type", "application/json"],
        ["Content-Length", String(Buffer.byteLength(text))],
      ]);
      response.end(request.method === "HEAD" ? undefined : text);
    },
    close() {},
  };
}

function refuse(response: GatewayResponse): void {
  const [status, text] = HTTP_FAILURES.METHOD_NOT_ALLOWED;
  response.head(status, [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Allow", "GET, HEAD"],
  ]);
  response.end(`${text}\n`);
}
