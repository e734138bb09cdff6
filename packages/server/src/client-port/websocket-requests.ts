import type { IncomingMessage } from "node:http";
import { answerBefore, clientSubtrees, clientTarget, isUnderV3 } from "../http/request-target.ts";

/** Whether a request opens a websocket into the gateway; whatever else it asks for it is answered as if it had not. */
export function opensGatewayWebsocket(req: IncomingMessage): boolean {
  if (!hasToken(req.headers.connection, "upgrade") || !hasToken(req.headers.upgrade, "websocket"))
    return false;
  const method = req.method ?? "";
  const target = clientTarget(req.url ?? "", method);
  if (target === undefined || !isUnderV3(target)) return false;
  return answerBefore(target, method, clientSubtrees(true)) === undefined;
}

function hasToken(list: string | undefined, token: string): boolean {
  return list?.split(",").some((item) => item.trim().toLowerCase() === token) === true;
}
