import assert from "node:assert/strict";
import test from "node:test";
import type { DescMessage } from "@bufbuild/protobuf";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { decode, encode } from "../codec.ts";
import { WireError } from "../hot/wire-error.ts";
import * as messages from "../messages.ts";
import { METHODS } from "../methods.ts";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import {
  BOOL,
  BYTES,
  type Field,
  INT32,
  INT64,
  MESSAGE,
  MessageTable,
  STRING,
  UINT32,
  UINT64,
} from "./table.ts";

const tables = Object.values(messages).filter(
  (each) => each instanceof MessageTable,
) as MessageTable<unknown>[];
const schemas = new Map<string, DescMessage>();
for (const { service, request, response } of METHODS.values()) {
  if (!service.startsWith("grpc.")) for (const schema of [request, response]) collect(schema);
}

function collect(schema: DescMessage): void {
  if (schemas.has(schema.typeName)) return;
  schemas.set(schema.typeName, schema);
  for (const { message } of schema.fields) if (message !== undefined) collect(message);
}

test("there is a table of every message of the client port, with its fields", () => {
  assert.deepEqual(tables.map(({ name }) => name).sort(), [...schemas.keys()].sort());
  for (const table of tables) {
    const schema = schemas.get(table.name)!;
    assert.deepEqual(
      table.fields.map(({ name, number, repeated }) => ({ name, number, repeated })),
      schema.fields.map(({ name, number, fieldKind }) => ({ name, number, repeated: fieldKind === "list" })),
      table.name,
    );
  }
});

testWithSeed("what tables encode the library reads and writes as the same bytes", (seed) => {
  const random = new SeededRandom(seed);
  for (const table of Array.from({ length: 20 }, () => tables).flat()) {
    const schema = schemas.get(table.name)!;
    const message = anyMessage(table, random, 3);
    const bytes = encodeMessage(table, message as object);
    assert.deepEqual(Buffer.from(encode(schema, decode(schema, bytes))), Buffer.from(bytes), table.name);
    assert.deepEqual(decodeMessage(table, bytes), message, table.name);
  }
});

function anyMessage(table: MessageTable<unknown>, random: SeededRandom, depth: number): unknown {
  const message: Record<string, unknown> = {};
  const oneof = random.below(table.fields.length + 1);
  for (const [index, field] of table.fields.entries()) {
    const inOneof = schemas.get(table.name)!.fields[index]!.oneof !== undefined;
    const isMessage = field.kind === MESSAGE;
    if (field.repeated) {
      const length = isMessage && depth === 0 ? 0 : random.below(3);
      message[field.property] = Array.from({ length }, () => anyValue(field, random, depth));
    } else if (inOneof ? index !== oneof : isMessage && random.below(2) === 0) {
      message[field.property] = undefined;
    } else {
      message[field.property] = isMessage && depth === 0 ? undefined : anyValue(field, random, depth);
    }
  }
  return message;
}

function anyValue(field: Field, random: SeededRandom, depth: number): unknown {
  const number = random.below(2 ** 31);
  switch (field.kind) {
    case BYTES:
      return Uint8Array.from({ length: random.below(4) }, () => random.below(256));
    case STRING:
      return ["", "a", "ünï"][random.below(3)];
    case BOOL:
      return random.below(2) === 1;
    case INT32:
      return random.below(2);
    case UINT32:
      return number * 2 + 1;
    case INT64:
      return BigInt.asIntN(64, (BigInt(number) << 33n) + BigInt(number));
    case UINT64:
      return BigInt.asUintN(64, (BigInt(number) << 33n) + BigInt(number));
    default:
      return anyMessage(field.table!, random, depth - 1);
  }
}

test("requests take text for bytes, and numbers for 64-bit integers", () => {
  const bytes = encodeMessage(messages.PutRequest, { key: "ü", value: Uint8Array.of(0xff), lease: -1 });
  const { key, value, lease, prevKv } = decodeMessage(messages.PutRequest, bytes);
  assert.deepEqual([Buffer.from(key).toString(), [...value], lease, prevKv], ["ü", [0xff], -1n, false]);
});

test("a zero in a oneof is sent, another one is not", () => {
  assert.deepEqual([...encodeMessage(messages.Compare, { version: 0 })], [0x20, 0]);
  assert.deepEqual([...encodeMessage(messages.RangeRequest, { limit: 0 })], []);
});

const malformed = [
  { name: "a field that is cut off", bytes: [0x0a, 5, 1] },
  { name: "field number 0", bytes: [0x00, 0] },
  { name: "text that is not UTF-8", table: messages.Member, bytes: [0x12, 1, 0xff] },
];
for (const { name, bytes, table = messages.RangeRequest } of malformed) {
  test(`refuses ${name}`, () => {
    assert.throws(() => decodeMessage<unknown>(table, Uint8Array.from(bytes)), WireError);
  });
}

test("skips fields of another wire type and unknown ones, and merges a message that occurs twice", () => {
  const unknown = [0x08, 1, 0xf8, 0x3f, 1];
  assert.equal(decodeMessage(messages.RangeRequest, Uint8Array.from(unknown)).key.length, 0);
  const twice = [0x0a, 2, 0x08, 7, 0x0a, 2, 0x20, 9];
  const { header } = decodeMessage(messages.PutResponse, Uint8Array.from(twice));
  assert.deepEqual([header?.clusterId, header?.raftTerm], [7n, 9n]);
});
