/** The lines of a dump. 64-bit numbers are text: few readers of JSON keep them whole. */

/** Comes before the first key that has the lease. */
export interface DumpedLease {
  /** Its ID, hexadecimal. */
  readonly lease: string;
  /** Seconds for which it was granted; 0 or less when it has ended. */
  readonly ttl: number;
}

/** Bytes that are no text are in base64. The revisions and the version are told, and not stored again. */
export interface DumpedKey {
  readonly key?: string;
  readonly keyBase64?: string;
  readonly value?: string;
  readonly valueBase64?: string;
  readonly createRevision?: string;
  readonly modRevision?: string;
  readonly version?: string;
  readonly lease?: string;
}

export type DumpLine =
  | { readonly kind: "lease"; readonly id: bigint; readonly ttl: bigint }
  | { readonly kind: "key"; readonly key: Buffer; readonly value: Buffer; readonly lease: bigint };

/** Throws Error with what is wrong with it. */
export function parseDumpLine(line: string): DumpLine {
  const read: unknown = JSON.parse(line);
  if (typeof read !== "object" || read === null || Array.isArray(read)) throw new Error("not an object");
  const members = read as Readonly<Record<string, unknown>>;
  const id = leaseOf(members.lease);
  if ("ttl" in members) {
    if (id === 0n) throw new Error("a ttl without a lease");
    if (!Number.isSafeInteger(members.ttl)) throw new Error("ttl is not a whole number");
    return { kind: "lease", id, ttl: BigInt(members.ttl as number) };
  }
  return { kind: "key", key: bytesOf(members, "key"), value: bytesOf(members, "value"), lease: id };
}

function leaseOf(text: unknown): bigint {
  if (text === undefined) return 0n;
  const [, sign, digits] = (typeof text === "string" && /^(-?)([0-9a-f]{1,16})$/.exec(text)) || [];
  if (digits === undefined) throw new Error("lease is not hexadecimal");
  const id = BigInt(`0x${digits}`);
  return BigInt.asIntN(64, sign === "-" ? -id : id);
}

function bytesOf(members: Readonly<Record<string, unknown>>, name: "key" | "value"): Buffer {
  const text = members[name];
  const base64 = members[`${name}Base64`];
  if (typeof text === "string" && base64 === undefined) return Buffer.from(text);
  if (typeof base64 !== "string" || text !== undefined) throw new Error(`no ${name}`);
  const bytes = Buffer.from(base64, "base64");
  if (bytes.toString("base64") !== base64) throw new Error(`${name}Base64 is not base64`);
  return bytes;
}
