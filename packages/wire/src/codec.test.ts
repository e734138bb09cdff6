import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { DescMessage } from "@bufbuild/protobuf";
import { decode, encode } from "./codec.ts";
import {
  AlarmRequestSchema,
  AuthenticateRequestSchema,
  LeaseGrantRequestSchema,
  MemberAddRequestSchema,
  TxnRequestSchema,
  WatchRequestSchema,
} from "./gen/etcdserverpb_pb.js";
import { HealthListResponseSchema } from "./gen/grpc_health_v1_pb.js";
import { ConfStateSchema } from "./gen/raftpb_pb.js";
import { WireError } from "./hot/wire-error.ts";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));

test("plain fields are enough to encode a message", () => {
  assert.deepEqual(
    encode(LeaseGrantRequestSchema, { TTL: -1n, ID: 9007199254740993n }),
    bytes("08ffffffffffffffffff01 10 81808080808080 10"),
  );
});

test("all 64 bits survive", () => {
  for (const ID of [2n ** 63n - 1n, -(2n ** 63n), -1n, 2n ** 53n + 1n]) {
    assert.equal(decode(LeaseGrantRequestSchema, encode(LeaseGrantRequestSchema, { ID })).ID, ID);
  }
});

test("well-formed bytes are decoded without a copy", () => {
  const input = bytes("0a05 0a03666f6f");
  const message = decode(WatchRequestSchema, input);
  assert.equal(message.requestUnion.case, "createRequest");
  assert.ok(message.requestUnion.case === "createRequest");
  assert.equal(message.requestUnion.value.key.buffer, input.buffer);
});

suite("a known field of another wire type is skipped, as an etcd member skips it", () => {
  const cases = [
    {
      name: "a number where an int64 belongs stays",
      schema: LeaseGrantRequestSchema,
      hex: "0807 1009",
      want: "0807 1009",
    },
    { name: "bytes for an int64", schema: LeaseGrantRequestSchema, hex: "0a0107 1009", want: "1009" },
    {
      name: "fixed64 for an int64",
      schema: LeaseGrantRequestSchema,
      hex: "09 0102030405060708 1009",
      want: "1009",
    },
    { name: "a varint for a string", schema: AuthenticateRequestSchema, hex: "0805 120161", want: "120161" },
    { name: "bytes for an enum", schema: AlarmRequestSchema, hex: "0a0101 1001", want: "1001" },
    { name: "a group for a message", schema: WatchRequestSchema, hex: "0b0c 1200", want: "1200" },
    { name: "within a message", schema: WatchRequestSchema, hex: "1204 0a00 0805", want: "1202 0805" },
    { name: "within a list", schema: TxnRequestSchema, hex: "1206 1204 0805 1200", want: "1202 1200" },
    { name: "an unknown field", schema: WatchRequestSchema, hex: "1204 7801 0805", want: "1202 0805" },
    {
      name: "packed and unpacked numbers are both fine",
      schema: ConfStateSchema,
      hex: "0a020102 0803",
      want: "0801 0802 0803",
    },
    { name: "fixed32 in a list", schema: ConfStateSchema, hex: "0d01020304 0803", want: "0803" },
  ] satisfies { name: string; schema: DescMessage; hex: string; want: string }[];
  for (const { name, schema, hex, want } of cases) {
    test(name, () => assert.deepEqual(encode(schema, decode(schema, bytes(hex))), bytes(want)));
  }
});

suite("refused with a WireError", () => {
  const cases = [
    { name: "a cut varint", schema: LeaseGrantRequestSchema, hex: "0880" },
    { name: "a varint beyond 64 bits", schema: LeaseGrantRequestSchema, hex: "0880808080808080808002" },
    { name: "a tag beyond 32 bits", schema: LeaseGrantRequestSchema, hex: "88808080808001 01" },
    { name: "a length beyond the message", schema: AuthenticateRequestSchema, hex: "0a05 61" },
    {
      name: "a length beyond the nested message",
      schema: WatchRequestSchema,
      hex: "0a03 0a05 61 0000000000",
    },
    { name: "a packed number that overruns its list", schema: ConfStateSchema, hex: "0a0180 01" },
    { name: "a string that is not UTF-8", schema: AuthenticateRequestSchema, hex: "0a01ff" },
    { name: "a string with an encoded surrogate", schema: AuthenticateRequestSchema, hex: "0a03eda080" },
    {
      name: "a list of strings with one that is not UTF-8",
      schema: MemberAddRequestSchema,
      hex: "0a0161 0a01c0",
    },
    { name: "field number 0", schema: LeaseGrantRequestSchema, hex: "0001" },
    { name: "wire type 7", schema: LeaseGrantRequestSchema, hex: "0f01" },
    { name: "a group that does not end", schema: LeaseGrantRequestSchema, hex: "7b 0801" },
    { name: "the end of no group", schema: LeaseGrantRequestSchema, hex: "7c" },
    { name: "garbage in a map", schema: HealthListResponseSchema, hex: "0a02 0a05" },
  ] satisfies { name: string; schema: DescMessage; hex: string }[];
  for (const { name, schema, hex } of cases) {
    test(name, () => assert.throws(() => decode(schema, bytes(hex)), WireError));
  }

  test("transactions nested without end", () => {
    let nested: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
    for (let depth = 0; depth < 20_000; depth++) {
      const length: number[] = [];
      for (let rest = nested.length; ; rest >>>= 7) {
        if (rest < 0x80) {
          length.push(rest);
          break;
        }
        length.push((rest & 0x7f) | 0x80);
      }
      nested = Buffer.concat([Uint8Array.of(depth % 2 === 0 ? 0x22 : 0x12, ...length), nested]);
    }
    assert.throws(() => decode(TxnRequestSchema, nested), WireError);
  });
});
