import { RequestError } from "../../errors.ts";

/** A parameter of a query, as it is read and as the document of the API tells of it. */
export interface Parameter {
  readonly kind: "flag" | "revision" | "count" | "lease" | "text";
  readonly what: string;
}

/** Keys of a page: more would take a turn too long to look through. */
export const MAX_PAGE_KEYS = 10_000;

export const PARAMETERS = {
  prefix: { kind: "flag", what: "All keys that begin with this one." },
  revision: { kind: "revision", what: "As it was at this revision; of a watch, the first one that is told." },
  serializable: { kind: "flag", what: "As this member knows it, which may be behind." },
  keys_only: { kind: "flag", what: "Leave the values out." },
  limit: { kind: "count", what: "Keys of a page; Quorate-Continue names the next one, if there is one." },
  continue: { kind: "text", what: "Go on where the page ended whose Quorate-Continue this was." },
  watch: { kind: "flag", what: "Changes as server-sent events." },
  prev: { kind: "flag", what: "What was there before, too." },
  lease: { kind: "lease", what: "The ID of the lease that the key ends with, as a decimal number." },
} as const satisfies Readonly<Record<string, Parameter>>;

export type ParameterName = keyof typeof PARAMETERS;
type Value<Kind> = Kind extends "flag"
  ? boolean
  : Kind extends "lease"
    ? bigint
    : Kind extends "text"
      ? string
      : number;
export type Parameters = { readonly [Name in ParameterName]?: Value<(typeof PARAMETERS)[Name]["kind"]> };

/** Which parameters there are for a method, by what is asked for. */
export const PARAMETERS_OF: Readonly<Record<string, readonly ParameterName[]>> = {
  get: ["revision", "serializable"],
  list: ["prefix", "revision", "serializable", "keys_only", "limit", "continue"],
  watch: ["watch", "prefix", "revision", "prev"],
  put: ["lease", "prev"],
  delete: ["prev"],
  deletePrefix: ["prefix"],
};

/** `query` with its question mark, or empty. Whatever is not known, or twice, is refused: it may be a slip. Throws RequestError. */
export function readParameters(query: string): Parameters {
  const values: Record<string, boolean | number | bigint | string> = {};
  for (const [name, text] of new URLSearchParams(query)) {
    if (!Object.hasOwn(PARAMETERS, name)) throw new RequestError("UNKNOWN_PARAMETER", quoted(name));
    if (Object.hasOwn(values, name)) throw new RequestError("REPEATED_PARAMETER", name);
    values[name] = readValue(name as ParameterName, text);
  }
  return values;
}

/** Throws RequestError when one of `parameters` means nothing for what is asked. */
export function allow(parameters: Parameters, names: readonly ParameterName[]): void {
  for (const name of Object.keys(parameters) as ParameterName[]) {
    // What is off is not asked for.
    if (parameters[name] !== false && !names.includes(name))
      throw new RequestError("UNKNOWN_PARAMETER", quoted(name));
  }
}

function readValue(name: ParameterName, text: string): boolean | number | bigint | string {
  switch (PARAMETERS[name].kind) {
    case "flag":
      if (text === "" || text === "true") return true;
      if (text === "false") return false;
      throw new RequestError("BAD_FLAG", name);
    case "revision":
      return integer(name, text, Number.MAX_SAFE_INTEGER);
    case "count":
      return integer(name, text, MAX_PAGE_KEYS);
    case "lease":
      return leaseId(name, text);
    case "text":
      return text;
  }
}

function integer(name: string, text: string, most: number): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw new RequestError("BAD_NUMBER", name, 1, most);
  return value;
}

function leaseId(name: string, text: string): bigint {
  const id = /^[0-9]{1,19}$/.test(text) ? BigInt(text) : -1n;
  if (id < 0n || id > MOST_OF_LEASES) throw new RequestError("BAD_NUMBER", name, 0, String(MOST_OF_LEASES));
  return id;
}

const MOST_OF_LEASES = 2n ** 63n - 1n;

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
