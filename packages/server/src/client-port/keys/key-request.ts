import { Buffer } from "node:buffer";
import { RequestError } from "../../errors.ts";
import type { RequestTarget } from "../../http/request-target.ts";
import { KEYS_PATH } from "../access.ts";
import { allow, PARAMETERS_OF, type Parameters, readParameters } from "./parameters.ts";

export type KeyAction = "get" | "list" | "watch" | "put" | "delete";

/** What is asked of a key, or of all that begin with it. */
export interface KeyRequest {
  readonly action: KeyAction;
  /** The path behind `/kv/`, decoded: any octets. */
  readonly key: Uint8Array;
  readonly parameters: Parameters;
}

/** Methods that keys have, as `Allow` lists them. */
export const METHODS_OF_KEYS = "GET, HEAD, PUT, DELETE, OPTIONS";

/** Throws RequestError. */
export function readKeyRequest(method: string, { path, query }: RequestTarget): KeyRequest {
  const key = Buffer.from(path.slice(KEYS_PATH.length), "latin1");
  const parameters = readParameters(query);
  const action = actionOf(method, parameters);
  allow(parameters, PARAMETERS_OF[action === "delete" && parameters.prefix ? "deletePrefix" : action]!);
  // Behind an empty prefix lies all there is; the empty key is none.
  if (key.length === 0 && parameters.prefix !== true) throw new RequestError("KEY_NOT_PROVIDED");
  return { action, key, parameters };
}

function actionOf(method: string, { prefix, watch }: Parameters): KeyAction {
  if (method === "PUT") return "put";
  if (method === "DELETE") return "delete";
  if (method === "GET" && watch === true) return "watch";
  if (method === "GET" && prefix === true) return "list";
  // The head of what goes on and on says nothing about it.
  if (method === "GET" || (method === "HEAD" && watch !== true && prefix !== true)) return "get";
  throw new RequestError("NOT_FOR_KEYS", method);
}
