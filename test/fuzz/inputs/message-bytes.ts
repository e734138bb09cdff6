/** Encoded messages, made from their descriptions: mostly what a client could mean, with what no client should send. */

import type { SeededRandom } from "@quorate/testkit/random";
import type { Method } from "@quorate/wire";
import { anyInteger, anyKey, anyText } from "./values.ts";

export type Description = Method["request"];
type Field = Description["fields"][number];

/** Of protobuf-es: the numbers of `ScalarType`. */
const SCALAR = { INT32: 5, BOOL: 8, STRING: 9, BYTES: 12, UINT32: 13 } as const;
const VARINT = 0;
const CHUNK = 2;
/** Per field: how often it is not what it should be. */
const MISCHIEF = 0.01;

export interface Shape {
  /** Messages in messages; beyond it fields that are messages stay out. */
  readonly depth: number;
  /** Without anything that is not an encoding of the message. */
  readonly wellFormed: boolean;
}

export class MessageBytes {
  readonly #random: SeededRandom;
  #bytes = Buffer.alloc(4096);
  #length = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** The encoding of one message, owned by the caller. */
  next(description: Description, { depth, wellFormed }: Shape): Buffer {
    this.#length = 0;
    if (!wellFormed && this.#random.chance(0.003)) this.#deep(description);
    else this.#message(description, depth, wellFormed);
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #message(description: Description, depth: number, wellFormed: boolean): void {
    const random = this.#random;
    const { fields } = description;
    const chosenOfOneof = new Map<string, Field>();
    for (const field of fields) {
      if (field.oneof === undefined) continue;
      const { name } = field.oneof;
      if (!chosenOfOneof.has(name)) chosenOfOneof.set(name, random.pick(field.oneof.fields));
    }
    for (const field of fields) {
      const isChosen = field.oneof === undefined || chosenOfOneof.get(field.oneof.name) === field;
      const probability =
        field.oneof !== undefined ? (isChosen ? 0.95 : 0.02) : field.number === 1 ? 0.85 : 0.4;
      if (!random.chance(probability)) continue;
      let count = field.fieldKind === "list" ? random.weighted(LIST_LENGTHS) : 1;
      if (random.chance(0.02)) count++;
      for (; count > 0; count--) this.#field(field, depth, wellFormed);
    }
    if (random.chance(0.02)) this.#unknownField();
    if (!wellFormed && random.chance(MISCHIEF)) this.#garbage();
  }

  #field(field: Field, depth: number, wellFormed: boolean): void {
    const random = this.#random;
    if (!wellFormed && random.chance(MISCHIEF)) {
      this.#wrongType(field.number);
      return;
    }
    const kind = field.fieldKind === "list" ? field.listKind : field.fieldKind;
    if (kind === "message") {
      if (depth <= 0) return;
      const { message } = field as { message: Description };
      this.#tag(field.number, CHUNK);
      const lengthAt = this.#length;
      this.#message(message, depth - 1, wellFormed);
      this.#insertLength(lengthAt);
    } else if (kind === "enum") {
      this.#tag(field.number, VARINT);
      this.#varint(random.chance(0.9) ? BigInt(random.below(4)) : anyInteger(random));
    } else if (kind === "scalar") {
      this.#scalar(field.number, (field as { scalar: number }).scalar, wellFormed);
    }
  }

  #scalar(number: number, type: number, wellFormed: boolean): void {
    const random = this.#random;
    if (type === SCALAR.BYTES || type === SCALAR.STRING) {
      this.#tag(number, CHUNK);
      const chunk = type === SCALAR.BYTES ? anyKey(random) : anyText(random);
      const lies = !wellFormed && random.chance(MISCHIEF);
      this.#varint(lies ? anyInteger(random) : BigInt(chunk.length));
      this.#append(chunk);
      return;
    }
    this.#tag(number, VARINT);
    if (type === SCALAR.BOOL)
      this.#varint(random.chance(0.95) ? BigInt(random.below(2)) : anyInteger(random));
    else this.#varint(anyInteger(random));
  }

  /** A message that holds one of its own kind that holds one of its own kind, wherever that is possible. */
  #deep(description: Description): void {
    const path = pathToItself(description);
    if (path === undefined) {
      this.#message(description, 4, false);
      return;
    }
    const levels = this.#random.pick([10, 100, 127, 200, 256, 257, 300, 601, 5_000]);
    let inner: Buffer = Buffer.alloc(0);
    for (let level = 0; level < levels; level++) {
      for (const number of path) {
        this.#length = 0;
        this.#tag(number, CHUNK);
        this.#varint(BigInt(inner.length));
        const head = this.#bytes.subarray(0, this.#length);
        inner = Buffer.concat([head, inner]);
      }
      if (inner.length > 60_000) break;
    }
    this.#length = 0;
    this.#append(inner);
  }

  #wrongType(number: number): void {
    const random = this.#random;
    const type = random.below(8);
    this.#tag(random.chance(0.9) ? number : random.below(1 << 29), type);
    if (type === VARINT) this.#varint(anyInteger(random));
    else if (type === 1) this.#append(random.bytes(8));
    else if (type === 5) this.#append(random.bytes(4));
    else if (type === CHUNK) {
      const chunk = random.bytes(random.below(20));
      this.#varint(BigInt(chunk.length));
      this.#append(chunk);
    }
  }

  #unknownField(): void {
    const random = this.#random;
    const number = random.pick([99, 1000, 19_000, (1 << 29) - 1]);
    if (random.chance(0.3)) {
      // A group, with something in it.
      this.#tag(number, 3);
      this.#tag(1, VARINT);
      this.#varint(7n);
      this.#tag(number, 4);
      return;
    }
    this.#tag(number, CHUNK);
    const chunk = random.bytes(random.below(20));
    this.#varint(BigInt(chunk.length));
    this.#append(chunk);
  }

  #garbage(): void {
    const random = this.#random;
    random.weighted<() => void>([
      // A varint without an end, one that is too long, one in more octets than it takes, and field 0.
      [1, () => this.#append(Buffer.from([0x08, 0x80]))],
      [1, () => this.#append(Buffer.concat([Buffer.from([0x08]), Buffer.alloc(11, 0xff)]))],
      [1, () => this.#append(Buffer.from([0x08, 0x81, 0x80, 0x80, 0x80, 0x00]))],
      [1, () => this.#append(Buffer.from([0x00, 0x01]))],
      [1, () => this.#append(Buffer.from([0x0c]))],
      [2, () => this.#append(random.bytes(random.below(12)))],
    ])();
  }

  #tag(number: number, type: number): void {
    this.#varint((BigInt(number) << 3n) | BigInt(type));
  }

  #varint(value: bigint): void {
    this.#reserve(10);
    if (value >= 0n && value < 0x80n) {
      this.#bytes[this.#length++] = Number(value);
      return;
    }
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
  }

  #append(chunk: Buffer): void {
    this.#reserve(chunk.length);
    chunk.copy(this.#bytes, this.#length);
    this.#length += chunk.length;
  }

  /** Puts the length of what was written since `at` before it. */
  #insertLength(at: number): void {
    const content = Buffer.from(this.#bytes.subarray(at, this.#length));
    this.#length = at;
    this.#varint(BigInt(content.length));
    this.#append(content);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + count));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

const LIST_LENGTHS = [
  [2, 0],
  [5, 1],
  [3, 2],
  [1, 5],
  [0.05, 150],
] as const;

/** The fields, innermost first, through which a message of this kind can hold another of its kind. */
function pathToItself(description: Description): number[] | undefined {
  for (const field of description.fields) {
    const { message } = field as { message?: Description };
    if (message === undefined) continue;
    for (const inner of message.fields) {
      const { message: innermost } = inner as { message?: Description };
      if (innermost?.typeName === description.typeName) return [inner.number, field.number];
    }
  }
  return undefined;
}
