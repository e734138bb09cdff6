import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { decodeBase64 } from "./base64.ts";
import { parseInteger } from "./json-number.ts";
import { JsonMappingError, JsonReader } from "./json-reader.ts";
import { MessageWriter } from "./message-writer.ts";

/** Messages in messages: what the member decodes at most (see decode in @quorate/wire). */
const MAX_MESSAGE_DEPTH = 600;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Nothing: an enum name that is not known. */
const IGNORED = Symbol("ignored");
/** Lengths that are put in their places in one step. */
const LENGTHS_PER_STEP = 8192;

/**
 * The encoded message that a JSON object stands for, by protobuf's JSON mapping as etcd 3.7 applies it: proto names and
 * JSON names alike, unknown fields and unknown enum names ignored, a field given twice refused. `json` is one value
 * whose syntax has been checked. Throws JsonMappingError.
 */
export function jsonToMessage(schema: DescMessage, json: Uint8Array): Uint8Array {
  const conversion = new JsonConversion(schema, json);
  while (!conversion.step(json.length));
  return conversion.message;
}

/** A message or a list that is being read, or a value that is passed over. */
type Level = MessageLevel | ListLevel | SkippedLevel;

interface MessageLevel {
  readonly kind: "message";
  readonly schema: DescMessage;
  readonly names: ReadonlyMap<string, DescField>;
  readonly depth: number;
  readonly seen: Set<number>;
  /** The oneofs of which a member has been set. */
  oneofs: Set<unknown> | undefined;
}

interface ListLevel {
  readonly kind: "list";
  readonly field: DescField & { fieldKind: "list" };
  readonly depth: number;
  /** A packed list has been opened in the writer. */
  isOpen: boolean;
}

interface SkippedLevel {
  readonly kind: "skipped";
  /** Objects and arrays that are open. */
  nesting: number;
}

/** The conversion of one JSON value to a message, in steps; see `jsonToMessage`. */
export class JsonConversion {
  readonly #reader: JsonReader;
  readonly #writer = new MessageWriter();
  readonly #levels: Level[] = [];
  #isRead = false;

  constructor(schema: DescMessage, json: Uint8Array) {
    let text: string;
    try {
      text = utf8.decode(json);
    } catch {
      throw new JsonMappingError("JSON_ENCODING", 1, 1);
    }
    this.#reader = new JsonReader(text);
    this.#beginMessage(schema, 1);
  }

  /** Reads on through about `chars` characters, or a single longer string. True when the message is complete. */
  step(chars: number): boolean {
    if (this.#isRead) return this.#writer.assemble(LENGTHS_PER_STEP);
    const reader = this.#reader;
    const end = reader.start + chars;
    while (reader.start < end) {
      const level = this.#levels.at(-1);
      if (level === undefined) {
        this.#isRead = true;
        return this.#writer.assemble(LENGTHS_PER_STEP);
      }
      if (level.kind === "message") this.#readField(level);
      else if (level.kind === "list") this.#readElement(level);
      else this.#skip(level);
    }
    return false;
  }

  /** The encoded message, once it is complete. */
  get message(): Uint8Array {
    return this.#writer.result;
  }

  /** The current token begins the message. */
  #beginMessage(schema: DescMessage, depth: number): void {
    const reader = this.#reader;
    if (!reader.is("{")) throw reader.unexpected();
    if (depth > MAX_MESSAGE_DEPTH) throw reader.error("JSON_DEPTH", []);
    this.#levels.push({
      kind: "message",
      schema,
      names: fieldsByName(schema),
      depth,
      seen: new Set(),
      oneofs: undefined,
    });
    reader.advance();
  }

  /** The current token is the last of a value. */
  #endValue(): void {
    const reader = this.#reader;
    reader.advance();
    if (reader.is(",")) reader.advance();
  }

  #readField(level: MessageLevel): void {
    const reader = this.#reader;
    if (!reader.is("string")) {
      this.#levels.pop();
      if (this.#levels.length > 0) this.#writer.close();
      this.#endValue();
      return;
    }
    const { schema, seen, depth } = level;
    const field = level.names.get(reader.string());
    const nameStart = reader.start;
    const name = reader.quoted();
    reader.advance(); // the colon
    reader.advance();
    if (field === undefined) {
      this.#levels.push({ kind: "skipped", nesting: 0 });
      return;
    }
    if (seen.has(field.number)) throw reader.error("JSON_DUPLICATE_FIELD", [name], nameStart);
    seen.add(field.number);
    // null leaves a field unset, and is a value of it all the same.
    if (reader.is("null")) {
      this.#levels.push({ kind: "skipped", nesting: 0 });
      return;
    }
    if (field.fieldKind === "list") {
      if (!reader.is("[")) throw reader.unexpected();
      this.#levels.push({ kind: "list", field, depth, isOpen: false });
      reader.advance();
      return;
    }
    if (field.oneof !== undefined && level.oneofs?.has(field.oneof)) {
      const facts = [name, schema.typeName, field.oneof.name];
      throw reader.error("JSON_SECOND_OF_ONEOF", facts, nameStart);
    }
    if (this.#readValue(field, depth) && field.oneof !== undefined) {
      level.oneofs ??= new Set();
      level.oneofs.add(field.oneof);
    }
  }

  #readElement(level: ListLevel): void {
    const { field } = level;
    if (this.#reader.is("]")) {
      this.#levels.pop();
      if (level.isOpen) this.#writer.close();
      this.#endValue();
    } else if (!field.packed) {
      this.#readValue(field, level.depth);
    } else {
      const value = readScalar(this.#reader, field);
      if (value !== IGNORED) {
        if (!level.isOpen) this.#writer.open(field.number);
        level.isOpen = true;
        this.#writer.element(value as bigint);
      }
      this.#endValue();
    }
  }

  /** False when the value is ignored. A message is only begun. */
  #readValue(field: DescField, depth: number): boolean {
    if (field.message !== undefined) {
      // What is wrong with the value comes before anything is written.
      this.#beginMessage(field.message, depth + 1);
      this.#writer.open(field.number);
      return true;
    }
    const value = readScalar(this.#reader, field);
    if (value !== IGNORED) this.#writeScalar(field, value);
    this.#endValue();
    return value !== IGNORED;
  }

  /** Defaults are not written where their absence says the same. */
  #writeScalar(field: DescField, value: bigint | Uint8Array): void {
    const isAlwaysWritten = field.oneof !== undefined || field.fieldKind === "list";
    if (typeof value === "bigint") {
      if (isAlwaysWritten || value !== 0n) this.#writer.varint(field.number, value);
    } else if (isAlwaysWritten || value.length > 0) {
      this.#writer.delimited(field.number, value);
    }
  }

  /** Passes over one token of a value, however deep it is. Nobody needs its strings, but each must be one. */
  #skip(level: SkippedLevel): void {
    const reader = this.#reader;
    if (reader.is("string")) reader.string();
    else if (reader.is("{") || reader.is("[")) level.nesting++;
    else if (reader.is("}") || reader.is("]")) level.nesting--;
    if (level.nesting > 0) {
      reader.advance();
      return;
    }
    this.#levels.pop();
    this.#endValue();
  }
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

function invalidValue(reader: JsonReader, field: DescField, type: string): Error {
  return reader.error("JSON_VALUE", [type, field.jsonName, reader.quoted()]);
}

function readEnum(reader: JsonReader, field: DescField, desc: DescEnum): bigint | typeof IGNORED {
  if (reader.is("string")) {
    const name = reader.string();
    const value = desc.values.find((each) => each.name === name);
    return value === undefined ? IGNORED : BigInt(value.number);
  }
  const number = reader.is("number") ? parseInteger(reader.raw) : undefined;
  if (number === undefined || BigInt.asIntN(32, number) !== number) throw invalidValue(reader, field, "enum");
  return number;
}

/** Numbers of any kind as they are encoded: an integer. */
function readScalar(reader: JsonReader, field: DescField): bigint | Uint8Array | typeof IGNORED {
  if (field.enum !== undefined) return readEnum(reader, field, field.enum);
  switch (field.scalar) {
    case ScalarType.BYTES: {
      const bytes = reader.is("string") ? decodeBase64(reader.string()) : undefined;
      if (bytes === undefined) throw invalidValue(reader, field, "bytes");
      return bytes;
    }
    case ScalarType.STRING:
      if (!reader.is("string")) throw invalidValue(reader, field, "string");
      return Buffer.from(reader.string());
    case ScalarType.BOOL:
      if (!reader.is("true") && !reader.is("false")) throw invalidValue(reader, field, "bool");
      return reader.is("true") ? 1n : 0n;
    case ScalarType.INT64:
      return readInteger(reader, field, "int64", BigInt.asIntN, 64);
    case ScalarType.UINT64:
      return readInteger(reader, field, "uint64", BigInt.asUintN, 64);
    case ScalarType.INT32:
      return readInteger(reader, field, "int32", BigInt.asIntN, 32);
    case ScalarType.UINT32:
      return readInteger(reader, field, "uint32", BigInt.asUintN, 32);
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
