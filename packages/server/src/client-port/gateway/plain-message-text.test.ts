import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { fc } from "@quorate/testkit/property";
import {
  AlarmMemberSchema,
  LeaseStatusSchema,
  RangeResponseSchema,
  ResponseHeaderSchema,
  ResponseOpSchema,
  WatchProgressRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { KeyValueSchema } from "@quorate/wire/mvccpb";
import { cursor, readTag, skipValue } from "@quorate/wire/reader";
import { anyFields } from "./any-message.testing.ts";
import { messageToJson } from "./message-to-json.ts";
import { plainMessageText } from "./plain-message-text.ts";

const jsonOf = (schema: DescMessage, bytes: Uint8Array): string => [...messageToJson(schema, bytes)].join("");
const plainOf = (schema: DescMessage, bytes: Uint8Array) => plainMessageText(schema, bytes, 0, bytes.length);

/** The fields of a message, each with its tag. */
function fieldsOf(message: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  for (let pos = 0; pos < message.length; ) {
    const tag = readTag(message, pos, message.length);
    const end = skipValue(message, cursor, message.length, tag);
    fields.push(message.slice(pos, end));
    pos = end;
  }
  return fields;
}

const PLAIN = [
  KeyValueSchema,
  ResponseHeaderSchema,
  LeaseStatusSchema,
  AlarmMemberSchema,
  WatchProgressRequestSchema,
];
for (const schema of PLAIN) {
  test(`${schema.name}: the text of a plain message is that of the same fields in another order`, () => {
    fc.assert(
      fc.property(anyFields(schema), (fields) => {
        const message = toBinary(schema, create(schema, fields));
        const backwards = Buffer.concat(fieldsOf(message).reverse());
        const plain = plainOf(schema, message);
        assert.equal(plain, jsonOf(schema, backwards));
        assert.equal(plain, jsonOf(schema, message));
        if (fieldsOf(message).length > 1) assert.equal(plainOf(schema, backwards), undefined);
      }),
    );
  });
}

const key = (value: string): number[] => [0x0a, value.length, ...Buffer.from(value)];
const cases: { name: string; schema: DescMessage; bytes: number[]; want: string }[] = [
  {
    name: "a field that comes twice",
    schema: KeyValueSchema,
    bytes: [...key("a"), ...key("b")],
    want: '{"key":"Yg=="}',
  },
  {
    name: "fields in another order",
    schema: KeyValueSchema,
    bytes: [0x10, 3, ...key("a")],
    want: '{"key":"YQ==","create_revision":"3"}',
  },
  {
    name: "a list",
    schema: RangeResponseSchema,
    bytes: [0x12, 3, ...key("a")],
    want: '{"kvs":[{"key":"YQ=="}]}',
  },
  { name: "one of several", schema: ResponseOpSchema, bytes: [0x0a, 0], want: '{"response_range":{}}' },
];
for (const { name, schema, bytes, want } of cases) {
  test(`not plain: ${name}`, () => {
    const message = Uint8Array.from(bytes);
    assert.equal(plainOf(schema, message), undefined);
    assert.equal(jsonOf(schema, message), want);
  });
}

test("not plain: a field of another wire type", () => {
  assert.equal(plainOf(KeyValueSchema, Uint8Array.of(0x12, 1, 7)), undefined);
});

test("unknown fields are passed over", () => {
  const message = Uint8Array.from([0xf8, 0x01, 5, ...key("a"), 0xfa, 0x01, 1, 9, 0x18, 4]);
  assert.equal(plainOf(KeyValueSchema, message), '{"key":"YQ==","mod_revision":"4"}');
});

test("of each record of an answer nothing is made but its text, and a view of each of its bytes", (t) => {
  const records = 1000;
  const kvs = Array.from({ length: records }, (_, i) => ({
    key: Buffer.from(`k${i}`),
    value: Buffer.from("v"),
    createRevision: BigInt(i + 1),
    modRevision: BigInt(i + 1),
    version: 1n,
    lease: BigInt(i + 1),
  }));
  const message = toBinary(RangeResponseSchema, create(RangeResponseSchema, { kvs, count: BigInt(records) }));
  const subarray = t.mock.method(Uint8Array.prototype, "subarray");
  const text = jsonOf(RangeResponseSchema, message);
  const views = subarray.mock.callCount();
  subarray.mock.restore();
  assert.equal((JSON.parse(text) as { kvs: unknown[] }).kvs.length, records);
  assert.ok(views <= 2 * records + 100, `${views} views`);
});
