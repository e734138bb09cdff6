/** What clients did and were told. Times are of one clock, in milliseconds; revisions are those of the responses. */

/** A key's value as a client saw it; null where there was none. */
export type Found = { readonly value: string; readonly modRevision: number } | null;

export type OperationKind =
  /** Writes a value of its own. */
  | "put"
  /** Reads what every earlier answer allows. */
  | "get"
  /** Removes the key; only searches for an order know of it. */
  | "delete"
  /** Writes if the key still holds what was read before. */
  | "swap"
  /** Reads what the asked member holds. */
  | "serializable";

export interface Operation {
  readonly client: string;
  readonly member: string;
  readonly kind: OperationKind;
  readonly key: string;
  /** What is written: unique over all operations. Undefined for reads. */
  readonly value: string | undefined;
  /** swap: what the key must hold. */
  readonly expected: Found | undefined;
  readonly startMs: number;
  /**
   * The highest revision that anybody had been told before the start; for a serializable read, that the asked
   * process had told.
   */
  readonly floor: number;
  /** Infinity until it is answered, and for ever when it was not. */
  endMs: number;
  /** never: refused before it was proposed. maybe: nobody knows. */
  outcome: "ok" | "maybe" | "never";
  /** The revision of the answer's header. */
  revision: number;
  /** swap: whether the comparison held. */
  succeeded: boolean;
  /** What a read found. */
  found: Found;
}

export function isWrite(operation: Operation): boolean {
  return operation.kind === "put" || operation.kind === "swap";
}

export function describe(operation: Operation): string {
  const { client, kind, key, value, expected, outcome, succeeded, revision, floor, found } = operation;
  const parts = [`${client} ${kind} ${key}`];
  if (value !== undefined) parts.push(`value ${abridge(value)}`);
  if (expected !== undefined) parts.push(`if ${show(expected)}, succeeded ${succeeded}`);
  if (kind === "get" || kind === "serializable") parts.push(`found ${show(found)}`);
  parts.push(`${outcome} at revision ${revision}, floor ${floor}`);
  parts.push(`from ${operation.startMs.toFixed(1)} to ${operation.endMs.toFixed(1)} ms`);
  return parts.join(", ");
}

function show(found: Found): string {
  return found === null ? "nothing" : `${abridge(found.value)}@${found.modRevision}`;
}

/** A long value by its end, where logs differ. */
export function abridge(value: string): string {
  return value.length <= 60 ? value : `...${value.slice(-50)}`;
}
