import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, type DescMessage, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { fc } from "@quorate/testkit/property";
import { decode, encode, WireError } from "@quorate/wire";
import {
  AlarmRequestSchema,
  AlarmResponseSchema,
  AuthUserAddRequestSchema,
  CompareSchema,
  HashKVResponseSchema,
  LeaseGrantRequestSchema,
  MemberAddRequestSchema,
  MemberListResponseSchema,
  MoveLeaderRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  ResponseOpSchema,
  TxnRequestSchema,
  TxnResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { anyFields } from "./any-message.testing.ts";
import { decodeBase64 } from "./base64.ts";
import { parseInteger } from "./json-number.ts";
import { JsonMappingError } from "./json-reader.ts";
import { JsonConversion, jsonToMessage } from "./json-to-message.ts";
import { escapeForStream, messageToJson } from "./message-to-json.ts";
import { routedMethods } from "./routes.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const jsonOf = (schema: DescMessage, message: Uint8Array): string =>
  [...messageToJson(schema, message)].join("");

/** What a request's JSON means, as the JSON that a message with those fields has. */
function meaning(schema: DescMessage, json: string): unknown {
  return JSON.parse(jsonOf(schema, jsonToMessage(schema, bytes(json))));
}

suite("JSON that is taken", () => {
  const cases: { name: string; schema: DescMessage; json: string; want: unknown }[] = [
    { name: "an empty object", schema: RangeRequestSchema, json: "{}", want: {} },
    {
      name: "proto names",
      schema: RangeRequestSchema,
      json: '{"range_end":"AA==","keys_only":true}',
      want: { range_end: "AA==", keys_only: true },
    },
    {
      name: "JSON names",
      schema: RangeRequestSchema,
      json: '{"rangeEnd":"AA==","keysOnly":true}',
      want: { range_end: "AA==", keys_only: true },
    },
    {
      name: "names in other case are unknown",
      schema: LeaseGrantRequestSchema,
      json: '{"id":1,"Ttl":2,"ID":3}',
      want: { ID: "3" },
    },
    {
      name: "unknown fields at any depth are ignored",
      schema: RangeRequestSchema,
      json: '{"a":{"b":[1,{"c":"}]"}]},"key":"YQ==","d":null}',
      want: { key: "YQ==" },
    },
    {
      name: "what is inherited by every object is unknown",
      schema: RangeRequestSchema,
      json: '{"__proto__":{"key":"YQ=="},"constructor":1,"hasOwnProperty":2}',
      want: {},
    },
    {
      name: "null leaves a field unset",
      schema: RangeRequestSchema,
      json: '{"limit":null,"sort_order":null,"key":"YQ=="}',
      want: { key: "YQ==" },
    },
    { name: "standard base64", schema: PutRequestSchema, json: '{"key":"/+8="}', want: { key: "/+8=" } },
    { name: "URL-safe base64", schema: PutRequestSchema, json: '{"key":"_-8="}', want: { key: "/+8=" } },
    {
      name: "base64 without padding",
      schema: PutRequestSchema,
      json: '{"key":"Zm8"}',
      want: { key: "Zm8=" },
    },
    {
      name: "an escaped slash in base64",
      schema: PutRequestSchema,
      json: '{"key":"\\/+8="}',
      want: { key: "/+8=" },
    },
    {
      name: "numbers as strings",
      schema: RangeRequestSchema,
      json: '{"limit":"7","revision":"-3"}',
      want: { limit: "7", revision: "-3" },
    },
    {
      name: "numbers with exponents and fractions that are integers",
      schema: RangeRequestSchema,
      json: '{"limit":1e3,"revision":5.0,"min_mod_revision":"70e-1","max_mod_revision":-0}',
      want: { limit: "1000", revision: "5", min_mod_revision: "7" },
    },
    {
      name: "every bit of a bare number",
      schema: LeaseGrantRequestSchema,
      json: '{"ID":9007199254740993,"TTL":-9223372036854775808}',
      want: { ID: "9007199254740993", TTL: "-9223372036854775808" },
    },
    {
      name: "every bit of an unsigned number",
      schema: MoveLeaderRequestSchema,
      json: '{"targetID":18446744073709551615}',
      want: { targetID: "18446744073709551615" },
    },
    {
      name: "an enum by name",
      schema: RangeRequestSchema,
      json: '{"sort_order":"DESCEND"}',
      want: { sort_order: "DESCEND" },
    },
    {
      name: "an enum by number",
      schema: RangeRequestSchema,
      json: '{"sort_order":1}',
      want: { sort_order: "ASCEND" },
    },
    {
      name: "an enum by a number that has no name",
      schema: RangeRequestSchema,
      json: '{"sort_order":99,"sort_target":-1}',
      want: { sort_order: 99, sort_target: -1 },
    },
    {
      name: "an enum by an unknown name is ignored",
      schema: AlarmRequestSchema,
      json: '{"action":"DEACTIVATEE","alarm":"NOSPACE"}',
      want: { alarm: "NOSPACE" },
    },
    {
      name: "a list",
      schema: MemberAddRequestSchema,
      json: '{"peerURLs":["http://a","http://b"]}',
      want: { peerURLs: ["http://a", "http://b"] },
    },
    {
      name: "unknown names in a list of enums are ignored",
      schema: WatchRequestSchema,
      json: '{"create_request":{"filters":["NOPUT","NOPE",1]}}',
      want: { create_request: { filters: ["NOPUT", "NODELETE"] } },
    },
    {
      name: "an empty message in a oneof",
      schema: WatchRequestSchema,
      json: '{"progress_request":{}}',
      want: { progress_request: {} },
    },
    { name: "a zero in a oneof", schema: CompareSchema, json: '{"version":0}', want: { version: "0" } },
    {
      name: "null beside a oneof's member",
      schema: CompareSchema,
      json: '{"version":null,"value":""}',
      want: { value: "" },
    },
    {
      name: "a wrapper of the Go structs is unknown",
      schema: WatchRequestSchema,
      json: '{"RequestUnion":{"create_request":{}}}',
      want: {},
    },
    {
      name: "a nested message",
      schema: AuthUserAddRequestSchema,
      json: '{"name":"u","options":{"no_password":true}}',
      want: { name: "u", options: { no_password: true } },
    },
    {
      name: "a transaction",
      schema: TxnRequestSchema,
      json: '{"compare":[{"result":"EQUAL","target":"VERSION","key":"Zm9v","version":"1"}],"success":[{"request_put":{"key":"Zm9v","value":"YmF6"}},{"requestRange":{"key":"Zm9v"}}],"failure":[]}',
      want: {
        compare: [{ key: "Zm9v", version: "1" }],
        success: [{ request_put: { key: "Zm9v", value: "YmF6" } }, { request_range: { key: "Zm9v" } }],
      },
    },
  ];
  for (const { name, schema, json, want } of cases) {
    test(name, () => assert.deepEqual(meaning(schema, json), want));
  }
});

suite("JSON that is refused", () => {
  const cases: { schema?: DescMessage; json: string; message?: RegExp }[] = [
    { json: '{"key":"!!!!"}', message: /\(line 1:8\): invalid value for bytes field key: "!!!!"/ },
    { json: '{"key":"/-8="}' },
    { json: '{"key":"Zm9vYg="}' },
    { json: '{"key":"Z"}' },
    { json: '{"key":"Zg=a"}' },
    { json: '{"key":"Zg===="}' },
    { json: '{"key":1}', message: /invalid value for bytes field key: 1/ },
    { json: '{"limit":"x"}', message: /invalid value for int64 field limit: "x"/ },
    { json: '{"limit":1.5}' },
    { json: '{"limit":" 7"}' },
    { json: '{"limit":"0x7"}' },
    { json: '{"limit":9223372036854775808}' },
    { json: '{"limit":1e400}' },
    { json: '{"limit":true}' },
    { json: '{"serializable":"true"}' },
    { json: '{"serializable":1}' },
    { json: '{"sort_order":1.5}' },
    { json: '{"sort_order":4294967296}' },
    { json: '{"sort_order":[]}' },
    { json: "[]", message: /unexpected token \[/ },
    { json: "null", message: /unexpected token null/ },
    { json: '"key"' },
    { json: '{"key":"YQ==","key":"Yg=="}', message: /\(line 1:15\): duplicate field "key"/ },
    { json: '{"key":null,"key":"Yg=="}', message: /\(line 1:13\): duplicate field "key"/ },
    { json: '{"limit":1,"limit":null}', message: /\(line 1:12\): duplicate field "limit"/ },
    { json: '{"limit":0.0000000000000000000001e22}' },
    {
      json: '{"rangeEnd":"YQ==",\n "range_end":"Yg=="}',
      message: /\(line 2:2\): duplicate field "range_end"/,
    },
    { schema: MoveLeaderRequestSchema, json: '{"targetID":-1}' },
    { schema: MoveLeaderRequestSchema, json: '{"targetID":18446744073709551616}' },
    {
      schema: MemberAddRequestSchema,
      json: '{"peerURLs":"http://a"}',
      message: /unexpected token "http:\/\/a"/,
    },
    { schema: MemberAddRequestSchema, json: '{"peerURLs":[null]}' },
    { schema: MemberAddRequestSchema, json: '{"peerURLs":["\\ud800"]}', message: /invalid escape code/ },
    { json: '{"unknown":"\\udd80"}', message: /\(line 1:12\): invalid escape code/ },
    { json: '{"unknown":[{"\\ud83ex":1}]}', message: /invalid escape code/ },
    { json: '{"unknown":{"a":["\\ud800"]}}', message: /invalid escape code/ },
    { json: '{"\\ud800":1}', message: /invalid escape code/ },
    { schema: WatchRequestSchema, json: '{"create_request":[]}' },
    {
      schema: WatchRequestSchema,
      json: '{"create_request":{},"cancel_request":{}}',
      message: /oneof etcdserverpb.WatchRequest.request_union is already set/,
    },
    { schema: TxnRequestSchema, json: '{"compare":[null]}' },
  ];
  for (const { schema = RangeRequestSchema, json, message = /^proto: / } of cases) {
    test(json, () => {
      assert.throws(
        () => jsonToMessage(schema, bytes(json)),
        (error) => error instanceof JsonMappingError && message.test(error.message),
      );
    });
  }

  test("a string that is not UTF-8", () => {
    const json = Buffer.from('{"peerURLs":["\xff"]}', "latin1");
    assert.throws(() => jsonToMessage(MemberAddRequestSchema, json), /invalid UTF-8/);
  });

  test("transactions nested beyond what a member decodes", () => {
    const json = ['{"success":[{"request_txn":'.repeat(2000), "{}", "}]}".repeat(2000)].join("");
    assert.throws(() => jsonToMessage(TxnRequestSchema, bytes(json)), JsonMappingError);
  });

  test("unknown values may be as deep as JSON may", () => {
    const json = `{"unknown":${"[".repeat(9999)}${"]".repeat(9999)},"key":"YQ=="}`;
    assert.deepEqual(meaning(RangeRequestSchema, json), { key: "YQ==" });
  });
});

suite("base64", () => {
  const cases: [text: string, hex: string | undefined][] = [
    ["", ""],
    ["Zm9v", "666f6f"],
    ["_-8=", "ffef"],
    ["_-8", "ffef"],
    ["/+8=", "ffef"],
    ["/+8", "ffef"],
    ["Zm9vYg", "666f6f62"],
    ["Zm9v\nYg==", undefined],
    ["Zm9vYg==\n\n\n\n", "666f6f62"],
    ["/-8=", undefined],
    ["Zm9vYg=", undefined],
    ["====", undefined],
    ["Zg==Zg==", undefined],
    ["Zm 9", undefined],
    ["Zm9vé", undefined],
  ];
  for (const [text, hex] of cases) {
    test(JSON.stringify(text), () => {
      const decoded = decodeBase64(text);
      assert.equal(decoded && Buffer.from(decoded).toString("hex"), hex);
    });
  }
});

suite("integers", () => {
  const cases: [text: string, value: bigint | undefined][] = [
    ["0", 0n],
    ["-0", 0n],
    ["0e999999999", 0n],
    ["1e3", 1000n],
    ["1E+3", 1000n],
    ["12.50e1", 125n],
    ["12.50e0", undefined],
    ["100e-2", 1n],
    ["100e-3", undefined],
    ["9007199254740993", 9007199254740993n],
    ["1e999999999999999999", undefined],
    ["01", undefined],
    ["+1", undefined],
    ["", undefined],
    ["1 ", undefined],
    ["NaN", undefined],
  ];
  for (const [text, value] of cases)
    test(JSON.stringify(text), () => assert.equal(parseInteger(text), value));

  // Looked at once for each of its zeros, such a number would take minutes.
  test("a million zeros before the last digit", () => {
    const zeros = "0".repeat(1_000_000);
    assert.equal(parseInteger(`1.${zeros}1`), undefined);
    assert.equal(parseInteger(`1${zeros}1`), undefined);
    assert.equal(parseInteger(`7.${zeros}`), 7n);
    assert.equal(parseInteger(`0.${zeros}e-${zeros}1`), 0n);
  });
});

suite("JSON that is written", () => {
  const header = { clusterId: 2n ** 64n - 1n, memberId: 1n, revision: 2n, raftTerm: 2n };
  const jsonHeader =
    '"header":{"cluster_id":"18446744073709551615","member_id":"1","revision":"2","raft_term":"2"}';
  const cases: { name: string; message: Uint8Array; schema: DescMessage; want: string }[] = [
    {
      name: "an empty message",
      schema: RangeResponseSchema,
      message: encode(RangeResponseSchema, {}),
      want: "{}",
    },
    {
      name: "an empty header",
      schema: RangeResponseSchema,
      message: encode(RangeResponseSchema, { header: {} }),
      want: '{"header":{}}',
    },
    {
      name: "a range",
      schema: RangeResponseSchema,
      message: encode(RangeResponseSchema, {
        header,
        kvs: [{ key: bytes("foo"), createRevision: 2n, modRevision: 2n, version: 1n, value: bytes("bar") }],
        count: 1n,
      }),
      want: `{${jsonHeader},"kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}],"count":"1"}`,
    },
    {
      name: "members",
      schema: MemberListResponseSchema,
      message: encode(MemberListResponseSchema, {
        members: [{ ID: 5n, name: "a<b>&\u2028", peerURLs: ["http://x"], isLearner: true }, {}],
      }),
      want: '{"members":[{"ID":"5","name":"a<b>&\u2028","peerURLs":["http://x"],"isLearner":true},{}]}',
    },
    {
      name: "a 32-bit number",
      schema: HashKVResponseSchema,
      message: encode(HashKVResponseSchema, { hash: 3555422712, hashRevision: -1n }),
      want: '{"hash":3555422712,"hash_revision":"-1"}',
    },
    {
      name: "enums",
      schema: AlarmResponseSchema,
      message: Uint8Array.from([0x12, 4, 8, 1, 0x10, 1, 0x12, 2, 0x10, 77, 0x12, 0]),
      want: '{"alarms":[{"memberID":"1","alarm":"NOSPACE"},{"alarm":77},{}]}',
    },
    {
      name: "events",
      schema: WatchResponseSchema,
      message: encode(WatchResponseSchema, {
        created: true,
        events: [{ type: 1, kv: { key: bytes("a") } }, { kv: {} }],
      }),
      want: '{"created":true,"events":[{"type":"DELETE","kv":{"key":"YQ=="}},{"kv":{}}]}',
    },
    {
      name: "explicit zeros are left out",
      schema: RangeResponseSchema,
      message: Uint8Array.from([0x18, 0, 0x20, 0, 0x0a, 2, 0x18, 0]),
      want: '{"header":{}}',
    },
    {
      name: "unpacked and packed lists",
      schema: WatchRequestSchema,
      message: Uint8Array.from([0x0a, 6, 0x28, 1, 0x2a, 2, 0, 1]),
      want: '{"create_request":{"filters":["NODELETE","NOPUT","NODELETE"]}}',
    },
    {
      name: "the last member of a oneof",
      schema: CompareSchema,
      message: Uint8Array.from([0x20, 1, 0x40, 0]),
      want: '{"lease":"0"}',
    },
    {
      name: "a message in two pieces",
      schema: RangeResponseSchema,
      message: Uint8Array.from([0x0a, 2, 0x08, 1, 0x0a, 2, 0x18, 2]),
      want: '{"header":{"cluster_id":"1","revision":"2"}}',
    },
  ];
  for (const { name, schema, message, want } of cases) {
    test(name, () => assert.equal(jsonOf(schema, message), want));
  }

  test("what could end a script is escaped in streams", () => {
    assert.equal(escapeForStream('"<>&\u2028\u2029é"'), '"\\u003c\\u003e\\u0026\\u2028\\u2029é"');
  });
});

const options = { useProtoFieldName: true };

suite("the mapping is the library's, for every routed method", () => {
  for (const { path, request, response } of routedMethods()) {
    test(`${path}, requests`, () =>
      fc.assert(
        fc.property(anyFields(request), fc.boolean(), (fields, useProtoFieldName) => {
          const message = create(request, fields);
          const json = bytes(JSON.stringify(toJson(request, message, { useProtoFieldName })));
          assert.deepEqual(
            decode(request, jsonToMessage(request, json)),
            decode(request, toBinary(request, message)),
          );
        }),
        { numRuns: 30 },
      ));

    test(`${path}, responses`, () =>
      fc.assert(
        fc.property(anyFields(response), (fields) => {
          const message = create(response, fields);
          const got: JsonValue = JSON.parse(jsonOf(response, toBinary(response, message)));
          assert.deepEqual(got, JSON.parse(JSON.stringify(toJson(response, message, options))));
        }),
        { numRuns: 30 },
      ));
  }
});

test("a large response is written in pieces, one after the other", () => {
  const kv = { key: bytes("key"), value: new Uint8Array(500).fill(7) };
  const inner = { kvs: Array.from({ length: 300 }, () => kv), count: 300n };
  const message = create(TxnResponseSchema, {
    succeeded: true,
    responses: [
      { response: { case: "responseRange", value: inner } },
      { response: { case: "responsePut", value: {} } },
      { response: { case: "responseRange", value: { kvs: [{ value: new Uint8Array(100_000) }] } } },
    ],
  });
  const pieces = [...messageToJson(TxnResponseSchema, toBinary(TxnResponseSchema, message))];
  assert.ok(pieces.length >= 5, `${pieces.length} pieces`);
  assert.deepEqual(JSON.parse(pieces.join("")), toJson(TxnResponseSchema, message, options));
});

test("no piece of a large response is large, whatever its fields are", () => {
  const kvs = Array.from({ length: 50_000 }, (_, i) => ({ key: bytes(`key/${i}`) }));
  const message = create(RangeResponseSchema, {
    kvs: [...kvs, { value: new Uint8Array(2_000_000).fill(3) }],
  });
  const pieces = [...messageToJson(RangeResponseSchema, toBinary(RangeResponseSchema, message))];
  assert.deepEqual(JSON.parse(pieces.join("")), toJson(RangeResponseSchema, message, options));
  for (const piece of pieces) assert.ok(piece.length <= 140_000, `${piece.length}`);
  // Before the first record is written, all are looked at: for so many at a time there is an empty piece.
  assert.ok(pieces.filter((piece) => piece === "").length >= 50_000 / 2048 - 1);
});

test("a large message in parts is the same as in one", () => {
  const kv = { key: bytes("key"), value: new Uint8Array(500).fill(7) };
  const parts = [
    encode(RangeResponseSchema, { header: { revision: 3n }, kvs: new Array(90).fill(kv) }),
    new Uint8Array(0),
    encode(RangeResponseSchema, { kvs: new Array(40).fill(kv) }),
    encode(RangeResponseSchema, { more: true, count: 200n, header: { raftTerm: 2n } }),
  ];
  const json = [...messageToJson(RangeResponseSchema, parts)].join("");
  assert.deepEqual(JSON.parse(json), JSON.parse(jsonOf(RangeResponseSchema, Buffer.concat(parts))));
  assert.match(json, /^\{"header":\{"revision":"3","raft_term":"2"\},"kvs":\[/);
  assert.equal(JSON.parse(json).kvs.length, 130);
});

test("a message in parts may have any message in it begin in one part and end in another", () => {
  const kv = (key: string) => ({ key: bytes(key), value: new Uint8Array(20_000).fill(7) });
  const ranges = ["a", "b", "c"].map((name) =>
    [1, 2, 3].map((number) => encode(RangeResponseSchema, { kvs: [kv(`${name}${number}`)] })),
  );
  const nothing = new Uint8Array(0);
  // A delimited field without its value.
  const begin = (number: number, ...values: readonly Uint8Array[]): Uint8Array[] => {
    const length = values.reduce((sum, value) => sum + value.length, 0);
    const head = [(number << 3) | 2];
    for (let rest = length; ; rest >>>= 7) {
      if (rest < 0x80) {
        head.push(rest);
        return [new Uint8Array(head), ...values];
      }
      head.push((rest & 0x7f) | 0x80);
    }
  };
  const range = (values: readonly Uint8Array[]): Uint8Array[] => begin(3, ...begin(1, ...values));
  const inner = [encode(TxnResponseSchema, { succeeded: true }), ...range(ranges[1]!), nothing];
  const parts = [
    encode(TxnResponseSchema, { header: { revision: 3n }, succeeded: true }),
    ...range(ranges[0]!),
    nothing,
    ...begin(3, ...begin(4, ...inner)),
    ...range(ranges[2]!),
  ];
  const json = [...messageToJson(TxnResponseSchema, parts)].join("");
  assert.deepEqual(JSON.parse(json), JSON.parse(jsonOf(TxnResponseSchema, Buffer.concat(parts))));
  assert.deepEqual(
    [...json.matchAll(/"key":"(\w+)/g)].map(([, key]) => Buffer.from(key!, "base64").toString()),
    ranges.flatMap((_, i) => [1, 2, 3].map((number) => `${"abc"[i]}${number}`)),
  );
  const shortened = parts.slice(0, -1);
  assert.throws(() => [...messageToJson(TxnResponseSchema, shortened)], WireError);
});

test("large messages of any kind are the library's", () => {
  const large = create(ResponseOpSchema, {
    response: { case: "responseRange", value: { kvs: [{ value: new Uint8Array(40_000) }] } },
  });
  fc.assert(
    fc.property(anyFields(TxnResponseSchema), (fields) => {
      const message = create(TxnResponseSchema, fields);
      message.responses.push(large);
      const got: JsonValue = JSON.parse(jsonOf(TxnResponseSchema, toBinary(TxnResponseSchema, message)));
      assert.deepEqual(got, JSON.parse(JSON.stringify(toJson(TxnResponseSchema, message, options))));
    }),
    { numRuns: 100 },
  );
});

test("a step of a conversion reads a bounded part of the text, and nesting costs nothing", () => {
  const value = Buffer.alloc(30_000, 1).toString("base64");
  const puts = Array.from({ length: 20 }, () => ({ request_put: { key: "a2V5", value } }));
  const tiny = `[${new Array(100_000).fill("{}").join(",")}]`;
  const skipped = `{"unknown":[${new Array(50_000).fill("1").join(",")}],"success":${tiny}}`;
  let deep = JSON.stringify({ success: puts });
  for (let depth = 0; depth < 250; depth++) deep = `{"success":[{"request_txn":${deep}}]}`;
  for (const json of [deep, skipped]) {
    const conversion = new JsonConversion(TxnRequestSchema, bytes(json));
    let steps = 1;
    while (!conversion.step(32_768)) steps++;
    // A step ends behind the first token beyond its end, and the longest one here has 40,002 characters.
    assert.ok(steps >= json.length / (32_768 + 40_002), `${steps} steps for ${json.length} characters`);
    assert.deepEqual(conversion.message, jsonToMessage(TxnRequestSchema, bytes(json)));
  }
  const message = decode(TxnRequestSchema, jsonToMessage(TxnRequestSchema, bytes(skipped)));
  assert.equal(message.success.length, 100_000);
  assert.deepEqual(meaning(TxnRequestSchema, deep), JSON.parse(deep));
});

test("any JSON at all is a message or a JsonMappingError", () => {
  const names = [
    "compare",
    "success",
    "request_put",
    "request_txn",
    "key",
    "value",
    "lease",
    "version",
    "result",
  ];
  const anyValue = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom("YQ==", "!", "1", "EQUAL", "\ud800", "é"),
      fc.constantFrom<unknown>(0, 1, -1, 1.5, 1e30, true, null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie("value"), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(anyValue, (value) => {
      try {
        jsonToMessage(TxnRequestSchema, bytes(JSON.stringify(value)));
      } catch (error) {
        assert.ok(error instanceof JsonMappingError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
