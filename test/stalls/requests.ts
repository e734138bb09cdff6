/** Requests as plain fields, and what they are on the wire of gRPC and in JSON. */
import { encode, METHODS, type Method } from "@quorate/wire";

/**
 * Fields of a message by their names in lowerCamelCase; a choice among fields is `{ case, value }` under the choice's
 * name.
 */
export type Fields = { readonly [name: string]: Value };
type Value = string | number | bigint | boolean | Uint8Array | Fields | readonly Value[] | undefined;

/** `name` is service and method: `KV/Range`. */
export function methodOf(name: string): Method {
  const method = METHODS.get(`/etcdserverpb.${name}`);
  if (method === undefined) throw new Error(`no method ${name}`);
  return method;
}

export function binaryOf(method: Method, fields: Fields): Uint8Array {
  return encode(method.request, fields);
}

export function jsonOf(fields: Fields): string {
  return JSON.stringify(inJson(fields));
}

function inJson(value: Value): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map((each: Value) => inJson(each));
  if (typeof value !== "object") return value;
  const fields: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(value as Fields)) {
    if (isChoice(each)) fields[each.case] = inJson(each.value);
    else fields[name] = inJson(each);
  }
  return fields;
}

function isChoice(value: Value): value is { readonly case: string; readonly value: Value } {
  return typeof value === "object" && "case" in value && "value" in value;
}
