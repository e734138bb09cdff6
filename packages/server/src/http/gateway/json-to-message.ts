import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { decodeBase64 } from "./base64.ts";
import { parseInteger } from "./json-number.ts";
import { JsonMappingError, JsonReader } from "./json-reader.ts";

/** Messages in messages: what the member decodes at most (see decode in @quorate/wire). */
const MAX_MESSAGE_DEPTH = 600;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The plain fields of a message, by protobuf-es' local names; oneofs as `{case, value}`. */
type Fields = Record<string, unknown>;

/** Nothing: an enum name that is not known. */
const IGNORED = Symbol("ignored");

/**
 * The encoded message that a JSON object stands for, by protobuf's JSON mapping as etcd 3.7 applies it: proto names and
 * JSON names alike, unknown fields and unknown enum names ignored, a field given twice refused. `json` is one value
 * whose syntax has been checked. Throws JsonMappingError.
 */
export function jsonToMessage(schema: DescMessage, json: Uint8Array): Uint8Array {
  let text: string;
  try {
    text = utf8.decode(json);
  } catch {
    throw new JsonMappingError("proto: syntax error (line 1:1): invalid UTF-8 in string");
  }
  const reader = new JsonReader(text);
  return toBinary(schema, create(schema, readMessage(reader, schema, 1)));
}

const fieldNames = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

function fieldsByName(schema: DescMessage): ReadonlyMap<string, DescField> {
  let map = fieldNames.get(schema);
  if (map === undefined) {
    map = new Map([
      ...schema.fields.map((field): [string, DescField] => [field.name, field]),
      ...schema.fields.map((field): [string, DescField] => [field.jsonName, field]),
    ]);
    fieldNames.set(schema, map);
  }
  return map;
}

/** The current token begins the message; after the call it is the message's last. */
function readMessage(reader: JsonReader, schema: DescMessage, depth: number): Fields {
  if (!reader.is("{")) throw reader.unexpected();
  if (depth > MAX_MESSAGE_DEPTH) throw reader.error("exceeded max recursion depth");
  const fields: Fields = {};
  const seen = new Set<number>();
  const names = fieldsByName(schema);
  reader.advance();
  while (reader.is("string")) {
    const field = names.get(reader.string());
    const nameStart = reader.start;
    const name = reader.quoted();
    reader.advance(); // the colon
    reader.advance();
    // null leaves a field unset, however often.
    if (field === undefined || reader.is("null")) {
      reader.skipValue();
    } else {
      if (seen.has(field.number)) throw reader.error(`duplicate field ${name}`, "", nameStart);
      seen.add(field.number);
      setField(reader, fields, field, depth, () =>
        reader.error(
          `error parsing ${name}, oneof ${schema.typeName}.${field.oneof?.name} is already set`,
          "",
          nameStart,
        ),
      );
    }
    reader.advance();
    if (reader.is(",")) reader.advance();
  }
  return fields;
}

function setField(
  reader: JsonReader,
  fields: Fields,
  field: DescField,
  depth: number,
  alreadySet: () => Error,
): void {
  if (field.fieldKind === "list") {
    fields[field.localName] = readList(reader, field, depth);
    return;
  }
  if (field.oneof !== undefined && Object.hasOwn(fields, field.oneof.localName)) throw alreadySet();
  const value = readValue(reader, field, depth);
  if (value === IGNORED) return;
  if (field.oneof === undefined) fields[field.localName] = value;
  else fields[field.oneof.localName] = { case: field.localName, value };
}

function readList(reader: JsonReader, field: DescField & { fieldKind: "list" }, depth: number): unknown[] {
  if (!reader.is("[")) throw reader.unexpected();
  const list: unknown[] = [];
  reader.advance();
  while (!reader.is("]")) {
    const value = readValue(reader, field, depth);
    if (value !== IGNORED) list.push(value);
    reader.advance();
    if (reader.is(",")) reader.advance();
  }
  return list;
}

function readValue(reader: JsonReader, field: DescField, depth: number): unknown {
  if (field.message !== undefined) return readMessage(reader, field.message, depth + 1);
  if (field.enum !== undefined) return readEnum(reader, field, field.enum);
  return readScalar(reader, field);
}

function invalidValue(reader: JsonReader, field: DescField, type: string): Error {
  return reader.error(`invalid value for ${type} field ${field.jsonName}: ${reader.quoted()}`);
}

function readEnum(reader: JsonReader, field: DescField, desc: DescEnum): number | typeof IGNORED {
  if (reader.is("string")) {
    const name = reader.string();
    return desc.values.find((value) => value.name === name)?.number ?? IGNORED;
  }
  const number = reader.is("number") ? parseInteger(reader.raw) : undefined;
  if (number === undefined || BigInt.asIntN(32, number) !== number) throw invalidValue(reader, field, "enum");
  return Number(number);
}

function readScalar(reader: JsonReader, field: DescField): unknown {
  switch (field.scalar) {
    case ScalarType.BYTES: {
      const bytes = reader.is("string") ? decodeBase64(reader.string()) : undefined;
      if (bytes === undefined) throw invalidValue(reader, field, "bytes");
      return bytes;
    }
    case ScalarType.STRING:
      if (!reader.is("string")) throw invalidValue(reader, field, "string");
      return reader.string();
    case ScalarType.BOOL:
      if (!reader.is("true") && !reader.is("false")) throw invalidValue(reader, field, "bool");
      return reader.is("true");
    case ScalarType.INT64:
      return readInteger(reader, field, "int64", BigInt.asIntN, 64);
    case ScalarType.UINT64:
      return readInteger(reader, field, "uint64", BigInt.asUintN, 64);
    case ScalarType.INT32:
      return Number(readInteger(reader, field, "int32", BigInt.asIntN, 32));
    case ScalarType.UINT32:
      return Number(readInteger(reader, field, "uint32", BigInt.asUintN, 32));
    default:
      // The contract has no other scalar type, and no map: a test goes through all fields that have a route.
      throw new Error(`field ${field.toString()} has a type without a JSON mapping here`);
  }
}

/** A number, or a string that holds one; exact in all 64 bits. */
function readInteger(
  reader: JsonReader,
  field: DescField,
  type: string,
  wrap: (bits: number, value: bigint) => bigint,
  bits: number,
): bigint {
  let text: string | undefined;
  if (reader.is("number")) text = reader.raw;
  else if (reader.is("string")) text = reader.string();
  const value = text === undefined ? undefined : parseInteger(text);
  if (value === undefined || wrap(bits, value) !== value) throw invalidValue(reader, field, type);
  return value;
}
