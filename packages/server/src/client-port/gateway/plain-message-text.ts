import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import {
  cursor,
  readBigInt64,
  readBigUint64,
  readInt64Saturating,
  readLength,
  readTag,
  skipValue,
} from "@quorate/wire/reader";
import { base64, scalarText } from "./scalar-text.ts";

const VARINT = 0;
const DELIMITED = 2;

/** A field as it is written in plain messages. */
interface PlainField {
  /** With quotes and colon. */
  readonly name: string;
  readonly desc: DescField;
  readonly wireType: number;
}

const plainFields = new WeakMap<DescMessage, ReadonlyMap<number, PlainField | undefined>>();

/**
 * The JSON of the message `bytes[start, end)` if it is as members write records: known fields in ascending order, each once,
 * none of them a list or one of several. Undefined for any other: it has to be gathered before it can be written. Records
 * come by the million, so this makes nothing but text.
 */
export function plainMessageText(
  schema: DescMessage,
  bytes: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  const fields = plainFieldsOf(schema);
  let text = "{";
  let last = 0;
  for (let pos = start; pos < end; ) {
    const tag = readTag(bytes, pos, end);
    const at = cursor;
    const number = tag >>> 3;
    if (!fields.has(number)) {
      pos = skipValue(bytes, at, end, tag);
      continue;
    }
    const field = fields.get(number);
    if (field === undefined || number <= last || (tag & 7) !== field.wireType) return undefined;
    last = number;
    let value: string | undefined;
    if (field.wireType === VARINT) {
      value = varintText(field.desc, bytes, at, end);
      pos = skipValue(bytes, at, end, tag);
    } else {
      const length = readLength(bytes, at, end);
      const from = cursor;
      pos = from + length;
      value = delimitedText(field.desc, bytes, from, pos);
    }
    if (value === undefined) return undefined;
    if (value !== "") text += (text.length > 1 ? "," : "") + field.name + value;
  }
  return `${text}}`;
}

/** Empty for a default, which is not written. */
function varintText(desc: DescField, bytes: Uint8Array, at: number, end: number): string {
  const isSigned = desc.scalar === ScalarType.INT64;
  if (!isSigned && desc.scalar !== ScalarType.UINT64) {
    const { text, isDefault } = scalarText(desc, bytes.subarray(at, end), false);
    return isDefault ? "" : text;
  }
  const value = readInt64Saturating(bytes, at, end);
  if (value === 0) return "";
  if (value > 0 && value < Number.MAX_SAFE_INTEGER) return `"${value}"`;
  return `"${isSigned ? readBigInt64(bytes, at, end) : readBigUint64(bytes, at, end)}"`;
}

/** Empty for a default; undefined for a message that is not plain. */
function delimitedText(desc: DescField, bytes: Uint8Array, from: number, to: number): string | undefined {
  if (desc.message !== undefined) return plainMessageText(desc.message, bytes, from, to);
  if (from === to) return "";
  const content = bytes.subarray(from, to);
  return desc.scalar === ScalarType.BYTES ? `"${base64(content)}"` : scalarText(desc, content, true).text;
}

function plainFieldsOf(schema: DescMessage): ReadonlyMap<number, PlainField | undefined> {
  let fields = plainFields.get(schema);
  if (fields === undefined) {
    fields = new Map(schema.fields.map((desc) => [desc.number, plainField(desc)]));
    plainFields.set(schema, fields);
  }
  return fields;
}

function plainField(desc: DescField): PlainField | undefined {
  if (
    desc.oneof !== undefined ||
    (desc.fieldKind !== "scalar" && desc.fieldKind !== "message" && desc.fieldKind !== "enum")
  )
    return undefined;
  const isDelimited =
    desc.fieldKind === "message" || desc.scalar === ScalarType.BYTES || desc.scalar === ScalarType.STRING;
  return { name: `"${desc.name}":`, desc, wireType: isDelimited ? DELIMITED : VARINT };
}
