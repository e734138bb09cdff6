import { outline, scalarText } from "./outline.ts";
import { type ProtobufField, readFields } from "./protobuf-fields.ts";

/** With what the API server begins objects that it stores as protobuf. */
const MAGIC = Buffer.from("k8s\0");
/** With what it begins those that it encrypts: then come the provider, the scheme's version and the key's name. */
const ENCRYPTED = /^k8s:enc:([\w-]+):(v\d+):([^:]*):/;
const LONGEST_HEADER_BYTES = 512;

/** Of `runtime.Unknown`, in which an object lies. */
const UNKNOWN = { TYPE: 1, RAW: 2, CONTENT_ENCODING: 3, CONTENT_TYPE: 4 };
const TYPE = { API_VERSION: 1, KIND: 2 };
/** All objects of Kubernetes have their metadata in the first field. */
const METADATA = 1;

type Kind = "scalar" | "time" | "map" | "owner" | "list" | "outline";
/** Of `ObjectMeta`. */
const METADATA_FIELDS: readonly (readonly [number: number, name: string, kind: Kind])[] = [
  [1, "name", "scalar"],
  [2, "generateName", "scalar"],
  [3, "namespace", "scalar"],
  [5, "uid", "scalar"],
  [6, "resourceVersion", "scalar"],
  [7, "generation", "scalar"],
  [8, "creationTimestamp", "time"],
  [9, "deletionTimestamp", "time"],
  [10, "deletionGracePeriodSeconds", "scalar"],
  [11, "labels", "map"],
  [12, "annotations", "map"],
  [13, "ownerReferences", "owner"],
  [14, "finalizers", "list"],
  [17, "managedFields", "outline"],
];
const OWNER = { KIND: 1, NAME: 3 };
const LAST_SECOND = 253_402_300_799n;

/**
 * What the API server of Kubernetes has stored, in lines: type and metadata by their names, the rest by the numbers of its
 * fields, whose schemas are not known here. Undefined when it is no such value, or damaged.
 */
export function kubernetesText(value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.subarray(0, MAGIC.length).equals(MAGIC)) return objectText(bytes.subarray(MAGIC.length));
  const [header, provider, version, key] =
    ENCRYPTED.exec(bytes.toString("latin1", 0, LONGEST_HEADER_BYTES)) ?? [];
  if (header === undefined) return undefined;
  const size = bytes.length - header.length;
  return `encrypted by the API server: ${provider} ${version}, key ${JSON.stringify(key)}, ${size} bytes`;
}

function objectText(bytes: Uint8Array): string | undefined {
  const unknown = readFields(bytes);
  const type = unknown && readFields(bytesOf(unknown, UNKNOWN.TYPE));
  if (unknown === undefined || type === undefined || bytesOf(type, TYPE.KIND).length === 0) return undefined;
  const lines = [
    `apiVersion: ${scalarText(bytesOf(type, TYPE.API_VERSION))}`,
    `kind: ${scalarText(bytesOf(type, TYPE.KIND))}`,
  ];
  for (const [name, number] of [
    ["contentEncoding", UNKNOWN.CONTENT_ENCODING],
    ["contentType", UNKNOWN.CONTENT_TYPE],
  ] as const) {
    const text = bytesOf(unknown, number);
    if (text.length > 0) lines.push(`${name}: ${scalarText(text)}`);
  }
  const object = readFields(bytesOf(unknown, UNKNOWN.RAW));
  if (object === undefined) return undefined;
  const [metadata, ...rest] = splitMetadata(object);
  if (metadata !== undefined) lines.push("metadata:", ...metadataLines(metadata));
  lines.push(...outline(rest, ""));
  return lines.join("\n");
}

function splitMetadata(object: readonly ProtobufField[]): [ProtobufField[] | undefined, ...ProtobufField[]] {
  const [first, ...rest] = object;
  if (first === undefined || first.number !== METADATA || typeof first.value === "bigint")
    return [undefined, ...object];
  const metadata = readFields(first.value);
  return metadata === undefined ? [undefined, ...object] : [metadata, ...rest];
}

function* metadataLines(metadata: readonly ProtobufField[]): Generator<string> {
  for (const [number, name, kind] of METADATA_FIELDS) {
    const values = metadata.filter((field) => field.number === number).map(({ value }) => value);
    if (values.length === 0) continue;
    if (kind === "scalar" || kind === "time") {
      const [last] = values.slice(-1);
      const text = kind === "time" ? timeText(last!) : scalarText(last!);
      // An object that has none has an empty one.
      if (text !== '""' && text !== "0") yield `  ${name}: ${text}`;
      continue;
    }
    yield `  ${name}:`;
    for (const value of values) yield* itemLines(kind, value);
  }
  const known = new Set(METADATA_FIELDS.map(([number]) => number));
  yield* outline(
    metadata.filter(({ number }) => !known.has(number) && number !== SELF_LINK),
    "  ",
  );
}

/** It is always empty since long ago. */
const SELF_LINK = 4;

function* itemLines(kind: Kind, value: bigint | Uint8Array): Generator<string> {
  const fields = typeof value === "bigint" ? undefined : readFields(value);
  if (kind === "list" || fields === undefined) yield `    - ${scalarText(value)}`;
  else if (kind === "map") yield `    ${scalarText(bytesOf(fields, 1))}: ${scalarText(bytesOf(fields, 2))}`;
  else if (kind === "owner")
    yield `    - ${scalarText(bytesOf(fields, OWNER.KIND))} ${scalarText(bytesOf(fields, OWNER.NAME))}`;
  else {
    yield "    -";
    yield* outline(fields, "      ");
  }
}

/** Of a `Time`: seconds since 1970. */
function timeText(value: bigint | Uint8Array): string {
  const fields = typeof value === "bigint" ? undefined : readFields(value);
  const seconds = fields?.find(({ number }) => number === 1)?.value ?? 0n;
  if (typeof seconds !== "bigint" || seconds > LAST_SECOND) return scalarText(value);
  return seconds === 0n ? '""' : new Date(Number(seconds) * 1_000).toISOString().replace(".000", "");
}

/** The last one counts; empty when there is none. */
function bytesOf(fields: readonly ProtobufField[], number: number): Uint8Array {
  const found = fields.findLast((field) => field.number === number)?.value;
  return found instanceof Uint8Array ? found : NOTHING;
}

const NOTHING = new Uint8Array(0);
