import { isUnder, type RequestTarget } from "../../http/request-target.ts";
import { KEYS_PATH } from "../access.ts";
import type { Shared, Site } from "../gateway/gateway.ts";
import { deleteKey, putKey } from "./change-key.ts";
import { getKey } from "./get-key.ts";
import { KeyExchange, type KeysContext } from "./key-exchange.ts";
import { type KeyRequest, readKeyRequest } from "./key-request.ts";
import { listKeys } from "./list-keys.ts";
import { Logins, type LoginsOptions } from "./logins.ts";
import { watchKeys } from "./watch-keys.ts";

export interface KeysOptions
  extends LoginsOptions,
    Pick<KeysContext, "backend" | "clock" | "maxValueBytes" | "onDefect"> {}

/** Keys as resources: `/kv/<key>`. */
export function keysSite(options: KeysOptions, shared: Shared): Site {
  const active = new Set<KeyExchange>();
  const context: KeysContext = { ...options, ...shared, active, logins: new Logins(options) };
  return {
    owns: (target) => isUnder(target, KEYS_PATH),
    serve(target, request, response) {
      const exchange = new KeyExchange(context, request, response, KEYS_PATH);
      exchange.run(() => act(context, exchange, target));
    },
    close() {
      for (const exchange of [...active]) exchange.shutDown();
    },
  };
}

async function act(context: KeysContext, exchange: KeyExchange, target: RequestTarget): Promise<void> {
  const request: KeyRequest = readKeyRequest(exchange.request.method, target);
  switch (request.action) {
    case "get":
      return getKey(exchange, request);
    case "list":
      return listKeys(exchange, request);
    case "watch":
      return watchKeys(exchange, request, context.clock);
    case "put":
      return putKey(exchange, request);
    case "delete":
      return deleteKey(exchange, request);
  }
}
