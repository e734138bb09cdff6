import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { concatBytes, cursor, readBytes, readTag, skipValue } from "./hot/reader.ts";
import { WireError } from "./hot/wire-error.ts";

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/**
 * The same message, reduced to fields that `schema` knows in the wire types they have. An etcd member skips a known
 * field of another wire type, and refuses overlong varints and field numbers out of range; the library would read the
 * one as if it were right and accept the other. Members that decode the same log entry differently part ways, so what
 * the library sees has to be what an etcd member sees. Returns `bytes` itself when all is well, which is always.
 * Throws WireError.
 */
export function conform(schema: DescMessage, bytes: Uint8Array, depthLeft: number): Uint8Array {
  if (depthLeft <= 0) throw new WireError("messages nested too deeply", "depth");
  const end = bytes.length;
  let kept: Uint8Array[] | undefined;
  let keptFrom = 0;
  let pos = 0;
  while (pos < end) {
    const start = pos;
    const tag = readTag(bytes, pos, end);
    const contentStart = cursor;
    pos = skipValue(bytes, contentStart, end, tag);
    const field = fieldsOf(schema).get(tag >>> 3);
    let replacement: Uint8Array | undefined;
    if (field !== undefined && accepts(field, tag & 7)) {
      if ((tag & 7) === DELIMITED) {
        const content = readBytes(bytes, contentStart, end);
        const conforming = conformContent(field, content, depthLeft);
        if (conforming === content) continue;
        replacement = concatBytes([
          bytes.subarray(start, contentStart),
          lengthPrefix(conforming),
          conforming,
        ]);
      } else {
        continue;
      }
    }
    kept ??= [];
    kept.push(bytes.subarray(keptFrom, start));
    if (replacement !== undefined) kept.push(replacement);
    keptFrom = pos;
  }
  if (kept === undefined) return bytes;
  kept.push(bytes.subarray(keptFrom));
  return concatBytes(kept);
}

const fieldMaps = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(schema: DescMessage): ReadonlyMap<number, DescField> {
  let map = fieldMaps.get(schema);
  if (map === undefined) {
    map = new Map(schema.fields.map((field) => [field.number, field]));
    fieldMaps.set(schema, map);
  }
  return map;
}

function accepts(field: DescField, wireType: number): boolean {
  switch (field.fieldKind) {
    case "message":
    case "map":
      return wireType === DELIMITED;
    case "enum":
      return wireType === VARINT;
    case "scalar":
      return wireType === wireTypeOf(field.scalar);
    case "list": {
      if (field.listKind === "message") return wireType === DELIMITED;
      const element = field.listKind === "enum" ? VARINT : wireTypeOf(field.scalar);
      // Packed or not, readers accept both.
      return wireType === element || wireType === DELIMITED;
    }
  }
}

function wireTypeOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.BYTES:
    case ScalarType.STRING:
      return DELIMITED;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED32;
    default:
      return VARINT;
  }
}

function conformContent(field: DescField, content: Uint8Array, depthLeft: number): Uint8Array {
  if (field.fieldKind === "message") return conform(field.message, content, depthLeft - 1);
  if (field.fieldKind !== "list") return content;
  if (field.listKind === "message") return conform(field.message, content, depthLeft - 1);
  const wireType = field.listKind === "enum" ? VARINT : wireTypeOf(field.scalar);
  if (wireType === DELIMITED) return content;
  // Packed: every element must end within the list.
  let pos = 0;
  while (pos < content.length) pos = skipValue(content, pos, content.length, wireType);
  return content;
}

function lengthPrefix(content: Uint8Array): Uint8Array {
  const prefix: number[] = [];
  let rest = content.length;
  while (rest >= 0x80) {
    prefix.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  prefix.push(rest);
  return Uint8Array.from(prefix);
}
