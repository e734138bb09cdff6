import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import {
  concatBytes,
  cursor,
  readBigInt64,
  readBigUint64,
  readBool,
  readBytes,
  readInt32,
  readTag,
  readUint32,
  skipValue,
} from "@quorate/wire/reader";

/** Messages of more bytes are written in pieces, so that a large range does not hold the loop up. */
const PIECE_BYTES = 32 * 1024;

/**
 * The JSON of an encoded message, by protobuf's JSON mapping as etcd 3.7 applies it: proto names, defaults left out,
 * 64-bit integers as strings, no spaces. In pieces of about 32 KiB of message each; it works on the encoded bytes, one
 * piece at a time. Throws WireError on bytes that are not a message.
 */
export function* messageToJson(schema: DescMessage, bytes: Uint8Array): Generator<string, void, undefined> {
  if (bytes.length <= PIECE_BYTES) {
    yield messageText(schema, bytes);
    return;
  }
  let text = "{";
  let bytesInText = 0;
  let comma = "";
  for (const { field, values } of presentFields(schema, bytes)) {
    if (field.message === undefined) {
      const value = fieldText(field, values);
      if (value === undefined) continue;
      text += `${comma}"${field.name}":${value}`;
      bytesInText += value.length;
    } else {
      const isList = field.fieldKind === "list";
      const messages = isList ? values.map((value) => value.bytes) : [mergedBytes(values)];
      text += `${comma}"${field.name}":${isList ? "[" : ""}`;
      let elementComma = "";
      for (const message of messages) {
        text += elementComma;
        elementComma = ",";
        if (message.length > PIECE_BYTES) {
          yield text;
          yield* messageToJson(field.message, message);
          text = "";
          bytesInText = 0;
        } else {
          text += messageText(field.message, message);
          bytesInText += message.length;
        }
        if (bytesInText > PIECE_BYTES) {
          yield text;
          text = "";
          bytesInText = 0;
        }
      }
      if (isList) text += "]";
    }
    comma = ",";
  }
  yield `${text}}`;
}

/** As characters that are safe in a script, which is how etcd writes the lines of a stream. */
export function escapeForStream(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function messageText(schema: DescMessage, bytes: Uint8Array): string {
  let text = "{";
  let comma = "";
  for (const { field, values } of presentFields(schema, bytes)) {
    const value = fieldText(field, values);
    if (value === undefined) continue;
    text += `${comma}"${field.name}":${value}`;
    comma = ",";
  }
  return `${text}}`;
}

/** One occurrence of a field on the wire: its content if it is delimited, else the bytes from its value on. */
interface Occurrence {
  bytes: Uint8Array;
  isDelimited: boolean;
}

interface PresentField {
  field: DescField;
  values: Occurrence[];
}

const fieldMaps = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsByNumber(schema: DescMessage): ReadonlyMap<number, DescField> {
  let map = fieldMaps.get(schema);
  if (map === undefined) {
    map = new Map(schema.fields.map((field) => [field.number, field]));
    fieldMaps.set(schema, map);
  }
  return map;
}

/** The fields that occur in `bytes`, by ascending number; of a oneof only the member that occurs last. */
function presentFields(schema: DescMessage, bytes: Uint8Array): PresentField[] {
  const fields = fieldsByNumber(schema);
  const present: PresentField[] = [];
  const end = bytes.length;
  let current: PresentField | undefined;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(bytes, pos, end);
    pos = cursor;
    const field = fields.get(tag >>> 3);
    const isDelimited = (tag & 7) === 2;
    if (field !== undefined && (isDelimited || (tag & 7) === 0)) {
      if (current?.field !== field) {
        current = present.find((entry) => entry.field === field);
        if (current === undefined) {
          current = { field, values: [] };
          present.push(current);
        }
      }
      if (field.oneof !== undefined) removeOthers(present, field);
      current.values.push({
        bytes: isDelimited ? readBytes(bytes, pos, end) : bytes.subarray(pos),
        isDelimited,
      });
    }
    pos = skipValue(bytes, pos, end, tag);
  }
  return present.sort((a, b) => a.field.number - b.field.number);
}

function removeOthers(present: PresentField[], field: DescField): void {
  const other = present.findIndex((entry) => entry.field !== field && entry.field.oneof === field.oneof);
  if (other >= 0) present.splice(other, 1);
}

function mergedBytes(values: readonly Occurrence[]): Uint8Array {
  return values.length === 1 ? values[0]!.bytes : concatBytes(values.map((value) => value.bytes));
}

/** The JSON of a field's value; undefined for a default, which is not written. */
function fieldText(field: DescField, values: readonly Occurrence[]): string | undefined {
  if (field.fieldKind === "list") {
    const { message } = field;
    const texts =
      message === undefined
        ? values.flatMap((value) => elementTexts(field, value))
        : values.map((value) => messageText(message, value.bytes));
    return `[${texts.join(",")}]`;
  }
  if (field.message !== undefined) return messageText(field.message, mergedBytes(values));
  const { text, isDefault } = scalarText(field, values.at(-1)!.bytes, values.at(-1)!.isDelimited);
  return isDefault && field.oneof === undefined ? undefined : text;
}

/** The elements of one occurrence: one, or as many as are packed in it. */
function elementTexts(field: DescField, { bytes, isDelimited }: Occurrence): string[] {
  if (!isDelimited || field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) {
    return [scalarText(field, bytes, isDelimited).text];
  }
  const texts: string[] = [];
  let pos = 0;
  while (pos < bytes.length) {
    texts.push(scalarText(field, bytes.subarray(pos), false).text);
    pos = skipValue(bytes, pos, bytes.length, 0);
  }
  return texts;
}

function scalarText(
  field: DescField,
  bytes: Uint8Array,
  isDelimited: boolean,
): { text: string; isDefault: boolean } {
  const end = bytes.length;
  if (isDelimited) {
    const isDefault = end === 0;
    if (field.scalar === ScalarType.BYTES) {
      return { text: `"${Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("base64")}"`, isDefault };
    }
    return { text: JSON.stringify(utf8.decode(bytes)), isDefault };
  }
  if (field.enum !== undefined) {
    const number = readInt32(bytes, 0, end);
    const name = field.enum.value[number]?.name;
    return { text: name === undefined ? String(number) : `"${name}"`, isDefault: number === 0 };
  }
  switch (field.scalar) {
    case ScalarType.INT64:
      return integerText(readBigInt64(bytes, 0, end));
    case ScalarType.UINT64:
      return integerText(readBigUint64(bytes, 0, end));
    case ScalarType.BOOL: {
      const value = readBool(bytes, 0, end);
      return { text: String(value), isDefault: !value };
    }
    default: {
      const value = field.scalar === ScalarType.UINT32 ? readUint32(bytes, 0, end) : readInt32(bytes, 0, end);
      return { text: String(value), isDefault: value === 0 };
    }
  }
}

function integerText(value: bigint): { text: string; isDefault: boolean } {
  return { text: `"${value}"`, isDefault: value === 0n };
}

/** What a member sends is UTF-8; if it were not, a reader still gets JSON. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
