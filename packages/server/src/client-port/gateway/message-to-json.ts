import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import {
  concatBytes,
  cursor,
  readBytes,
  readLength,
  readTag,
  readUint32,
  skipValue,
} from "@quorate/wire/reader";
import { plainMessageText } from "./plain-message-text.ts";
import { base64, scalarText } from "./scalar-text.ts";

/** Messages of more bytes are written in pieces, so that a large range does not hold the loop up. */
const PIECE_BYTES = 32 * 1024;
/** Fields that are passed over count as one piece. */
const FIELDS_PER_PIECE = 2048;

/**
 * The JSON of an encoded message, by protobuf's JSON mapping as etcd 3.7 applies it: proto names, defaults left out,
 * 64-bit integers as strings, no spaces. In pieces of about 32 KiB of message each; it works on the encoded bytes, one
 * piece at a time, and keeps nothing but its place in them. An empty piece is one that was spent on looking. `message`
 * may lie in several parts, which end between fields: of the message itself, or of messages in it. Throws WireError on bytes
 * that are not a message.
 */
export function* messageToJson(
  schema: DescMessage,
  message: Uint8Array | readonly Uint8Array[],
): Generator<string, void, undefined> {
  const parts = message instanceof Uint8Array ? [message] : message;
  if (parts.length === 1 && parts[0]!.length <= PIECE_BYTES) {
    yield messageText(schema, parts[0]!);
    return;
  }
  let text = "{";
  let comma = "";
  for (const place of yield* findFields(schema, parts)) {
    const { field } = place;
    const name = `${comma}"${field.name}":`;
    if (field.fieldKind === "list") {
      yield `${text}${name}[`;
      yield* listPieces(place, parts);
      text = "]";
    } else if (field.message !== undefined) {
      yield text + name;
      yield* messageToJson(field.message, yield* singularMessage(place, parts));
      text = "";
    } else if (place.last.isDelimited && place.last.bytes.length > PIECE_BYTES) {
      yield text + name;
      yield* delimitedPieces(field, place.last.bytes);
      text = "";
    } else {
      const value = fieldText(field, [place.last]);
      if (value === undefined) continue;
      text += name + value;
    }
    comma = ",";
  }
  yield `${text}}`;
}

/** Where a field occurs in a large message. */
interface FieldPlace {
  readonly field: DescField;
  /** The first occurrence: the part, and the position of the tag in it. */
  readonly part: number;
  readonly position: number;
  count: number;
  last: Occurrence;
}

/** The fields that occur, by ascending number; of a oneof only the member that occurs last. */
function* findFields(
  schema: DescMessage,
  parts: readonly Uint8Array[],
): Generator<string, readonly FieldPlace[], undefined> {
  const places = new Map<number, FieldPlace>();
  const walk = new FieldWalk(schema, parts, 0, 0);
  for (let passed = 1; walk.next(); passed++) {
    if (passed % FIELDS_PER_PIECE === 0) yield "";
    const { field, part, tagAt } = walk;
    if (field === undefined) continue;
    const known = places.get(field.number);
    if (known === undefined) {
      places.set(field.number, { field, part, position: tagAt, count: 1, last: walk.occurrence() });
    } else {
      known.count++;
      known.last = walk.occurrence();
    }
    if (field.oneof === undefined) continue;
    for (const other of field.oneof.fields) if (other !== field) places.delete(other.number);
  }
  return [...places.values()].sort((a, b) => a.field.number - b.field.number);
}

/** What stands between the brackets of a list. */
function* listPieces(place: FieldPlace, parts: readonly Uint8Array[]): Generator<string, void, undefined> {
  const { field } = place;
  let text = "";
  let bytesInText = 0;
  let comma = "";
  for (const value of occurrences(place, parts)) {
    if (value === undefined) {
      yield "";
    } else if (field.message === undefined) {
      for (const element of elementTexts(field, value)) {
        text += comma + element;
        comma = ",";
      }
      bytesInText += value.isDelimited ? value.bytes.length : 1;
    } else if (value.further !== undefined || value.bytes.length > PIECE_BYTES) {
      yield text + comma;
      yield* messageToJson(field.message, partsOf(value));
      text = "";
      bytesInText = 0;
      comma = ",";
    } else {
      text += comma + messageText(field.message, value.bytes);
      bytesInText += value.bytes.length;
      comma = ",";
    }
    if (bytesInText < PIECE_BYTES) continue;
    yield text;
    text = "";
    bytesInText = 0;
  }
  yield text;
}

/** The parts of a message; one that was sent in several pieces is one. */
function* singularMessage(
  place: FieldPlace,
  parts: readonly Uint8Array[],
): Generator<string, readonly Uint8Array[], undefined> {
  if (place.count === 1) return partsOf(place.last);
  const values: Uint8Array[] = [];
  for (const value of occurrences(place, parts)) {
    if (value === undefined) yield "";
    else values.push(...partsOf(value));
  }
  return values;
}

function partsOf({ bytes, further }: Occurrence): readonly Uint8Array[] {
  return further === undefined ? [bytes] : [bytes, ...further];
}

/** All occurrences of a field; undefined whenever many other fields have been passed over. */
function* occurrences(
  place: FieldPlace,
  parts: readonly Uint8Array[],
): Generator<Occurrence | undefined, void, undefined> {
  const walk = new FieldWalk(place.field.parent, parts, place.part, place.position);
  let passed = 0;
  for (let seen = 0; seen < place.count && walk.next(); ) {
    if (walk.field === place.field) {
      seen++;
      yield walk.occurrence();
    } else if (++passed % FIELDS_PER_PIECE === 0) {
      yield undefined;
    }
  }
}

/** Bytes or text that are large by themselves. */
function* delimitedPieces(field: DescField, bytes: Uint8Array): Generator<string, void, undefined> {
  if (field.scalar !== ScalarType.BYTES) {
    yield scalarText(field, bytes, true).text;
    return;
  }
  yield '"';
  // Base64 of multiples of three bytes can be put together.
  for (let at = 0; at < bytes.length; at += 3 * PIECE_BYTES) {
    yield base64(bytes.subarray(at, at + 3 * PIECE_BYTES));
  }
  yield '"';
}

/** Goes through the fields of a message that lies in parts. */
class FieldWalk {
  readonly #fields: ReadonlyMap<number, DescField>;
  readonly #parts: readonly Uint8Array[];
  part: number;
  /** Where the current field's tag is, and what comes after it. */
  tagAt = 0;
  #valueAt = 0;
  #isDelimited = false;
  /** The part in which the next field begins, and where. */
  #nextPart: number;
  #next: number;
  /** The current field; undefined for one that is not known. */
  field: DescField | undefined;

  constructor(schema: DescMessage, parts: readonly Uint8Array[], part: number, position: number) {
    this.#fields = fieldsByNumber(schema);
    this.#parts = parts;
    this.part = part;
    this.#nextPart = part;
    this.#next = position;
  }

  /** False at the end. */
  next(): boolean {
    while (this.#nextPart < this.#parts.length && this.#next >= this.#parts[this.#nextPart]!.length) {
      this.#nextPart++;
      this.#next = 0;
    }
    this.part = this.#nextPart;
    const bytes = this.#parts[this.part];
    if (bytes === undefined) return false;
    this.tagAt = this.#next;
    const tag = readTag(bytes, this.tagAt, bytes.length);
    this.#valueAt = cursor;
    this.#isDelimited = (tag & 7) === 2;
    this.field = this.#isDelimited || (tag & 7) === 0 ? this.#fields.get(tag >>> 3) : undefined;
    if (this.#isDelimited) this.#skipDelimited(bytes);
    else this.#next = skipValue(bytes, this.#valueAt, bytes.length, tag);
    return true;
  }

  #skipDelimited(bytes: Uint8Array): void {
    const length = readUint32(bytes, this.#valueAt, bytes.length);
    this.#next = cursor + length;
    // Messages alone may go on in the next part.
    const mayGoOn = this.field?.message !== undefined;
    while (this.#next > this.#parts[this.#nextPart]!.length) {
      // Throws: it does not end in `bytes`.
      if (!mayGoOn || this.#nextPart + 1 === this.#parts.length)
        readLength(bytes, this.#valueAt, bytes.length);
      this.#next -= this.#parts[this.#nextPart]!.length;
      this.#nextPart++;
    }
  }

  occurrence(): Occurrence {
    const bytes = this.#parts[this.part]!;
    if (!this.#isDelimited) return { bytes: bytes.subarray(this.#valueAt), isDelimited: false };
    if (this.#nextPart === this.part) {
      return { bytes: readBytes(bytes, this.#valueAt, bytes.length), isDelimited: true };
    }
    readUint32(bytes, this.#valueAt, bytes.length);
    const further = this.#parts.slice(this.part + 1, this.#nextPart);
    further.push(this.#parts[this.#nextPart]!.subarray(0, this.#next));
    return { bytes: bytes.subarray(cursor), further, isDelimited: true };
  }
}

/** As characters that are safe in a script, which is how etcd writes the lines of a stream. */
export function escapeForStream(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function messageText(schema: DescMessage, bytes: Uint8Array): string {
  return plainMessageText(schema, bytes, 0, bytes.length) ?? anyMessageText(schema, bytes);
}

function anyMessageText(schema: DescMessage, bytes: Uint8Array): string {
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
  /** Of a message that goes on in other parts: what lies there. */
  further?: readonly Uint8Array[];
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
