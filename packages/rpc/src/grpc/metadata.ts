import { Buffer } from "node:buffer";
import { type HeaderField, isValidName } from "../hpack/field.ts";

/** Metadata to send: a binary value needs a name that ends in `-bin`, a text value printable ASCII. */
export type MetadataInput = Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[]>>;

/** Of the names that gRPC keeps for itself the one that is a handler's to say: when a client may try again. */
const RETRY_PUSHBACK = "grpc-retry-pushback-ms";

/** Checks a piece of metadata and returns the header value to send. Throws TypeError on what gRPC does not allow. */
export function metadataValue(name: string, value: string | Uint8Array): string {
  const isReserved = name.startsWith("grpc-") && name !== RETRY_PUSHBACK;
  if (!isValidName(name) || isReserved) throw new TypeError(`invalid metadata name "${name}"`);
  if (name.endsWith("-bin")) {
    return Buffer.from(value).toString("base64").replaceAll("=", "");
  }
  if (typeof value !== "string" || !/^[ -~]*$/.test(value)) {
    throw new TypeError(`metadata "${name}" is not printable ASCII`);
  }
  return value.trim();
}

/** Checks and encodes metadata to header fields; throws TypeError as {@link metadataValue} does. */
export function encodeMetadata(metadata: MetadataInput | undefined): [string, string][] {
  const fields: [string, string][] = [];
  for (const [name, value] of Object.entries(metadata ?? {})) {
    const values = typeof value === "string" || value instanceof Uint8Array ? [value] : value;
    for (const item of values) fields.push([name.toLowerCase(), metadataValue(name.toLowerCase(), item)]);
  }
  return fields;
}

/** Decodes a `-bin` value, padded or not. */
export function decodeBinary(value: string): Uint8Array {
  return Buffer.from(value, "base64");
}

/** All values of a name in the order received. A `-bin` header may hold several, joined by commas. */
export function valuesOf(fields: readonly HeaderField[], name: string): readonly string[] {
  const values: string[] = [];
  for (const field of fields) if (field.name === name) addValues(values, field);
  return values;
}

/** Collects what is metadata: everything but pseudo-headers and gRPC's and HTTP's own fields. */
export function toMetadata(fields: readonly HeaderField[]): ReadonlyMap<string, readonly string[]> {
  const metadata = new Map<string, string[]>();
  for (const field of fields) {
    const { name } = field;
    if (name.startsWith(":") || name.startsWith("grpc-status") || name === "grpc-message") continue;
    if (name === "content-type" || name === "te") continue;
    let values = metadata.get(name);
    if (values === undefined) {
      values = [];
      metadata.set(name, values);
    }
    addValues(values, field);
  }
  return metadata;
}

function addValues(values: string[], { name, value }: HeaderField): void {
  if (!name.endsWith("-bin")) values.push(value);
  else for (const item of value.split(",")) values.push(item);
}
