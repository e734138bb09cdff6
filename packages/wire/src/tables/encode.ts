import {
  BOOL,
  BYTES,
  type Field,
  INT32,
  INT64,
  type Init,
  MESSAGE,
  type MessageTable,
  STRING,
  UINT32,
  UINT64,
} from "./table.ts";

const VARINT = 0;
const DELIMITED = 2;

/** The bytes of a message, owned by the caller. Fields that have their default are left out, as Go does. */
export function encodeMessage<Message>(table: MessageTable<Message>, init: Init<Message>): Uint8Array {
  const parts: Uint8Array[] = [];
  writeFields(table, init as Record<string, unknown>, parts);
  return Buffer.concat(parts);
}

function writeFields(table: MessageTable<unknown>, init: Record<string, unknown>, parts: Uint8Array[]): void {
  // Go writes fields by number, and some .proto files have them in another order.
  for (const field of table.fields.toSorted((a, b) => a.number - b.number)) {
    const value = init[field.property];
    if (value === undefined) continue;
    if (!field.repeated) {
      if (field.oneof || field.kind === MESSAGE || !isDefault(value)) writeField(field, value, parts);
    } else if (field.kind === MESSAGE || field.kind === BYTES || field.kind === STRING) {
      for (const element of value as readonly unknown[]) writeField(field, element, parts);
    } else {
      const packed = (value as readonly unknown[]).map((element) => varint(integerOf(element)));
      if (packed.length > 0) writeDelimited(field.number, Buffer.concat(packed), parts);
    }
  }
}

function isDefault(value: unknown): boolean {
  if (typeof value === "bigint") return value === 0n;
  if (typeof value === "object") return (value as Uint8Array).length === 0;
  return value === 0 || value === false || value === "";
}

function writeField(field: Field, value: unknown, parts: Uint8Array[]): void {
  switch (field.kind) {
    case BYTES:
    case STRING: {
      const content = typeof value === "string" ? Buffer.from(value) : (value as Uint8Array);
      writeDelimited(field.number, content, parts);
      return;
    }
    case MESSAGE: {
      const inner: Uint8Array[] = [];
      writeFields(field.table!, value as Record<string, unknown>, inner);
      writeDelimited(field.number, Buffer.concat(inner), parts);
      return;
    }
    case BOOL:
    case INT32:
    case INT64:
    case UINT32:
    case UINT64:
      parts.push(varint(BigInt(field.number * 8 + VARINT)), varint(integerOf(value)));
      return;
    default:
      throw new TypeError(`field ${field.name} has no kind`);
  }
}

function writeDelimited(number: number, content: Uint8Array, parts: Uint8Array[]): void {
  parts.push(varint(BigInt(number * 8 + DELIMITED)), varint(BigInt(content.length)), content);
}

function integerOf(value: unknown): bigint {
  return BigInt(value as bigint | number | boolean);
}

function varint(value: bigint): Uint8Array {
  const octets: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    octets.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  octets.push(Number(rest));
  return Uint8Array.from(octets);
}
