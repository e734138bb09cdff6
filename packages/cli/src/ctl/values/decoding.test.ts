import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { type Decoding, decodedText } from "./decoding.ts";
import { storedObject, type WireField } from "./testing.ts";

const POD: WireField[] = [
  [
    1,
    [
      [1, "web-0"],
      [2, ""],
      [3, "shop"],
      [4, ""],
      [5, "6e0c1f1e-0000-4000-8000-000000000001"],
      [6, ""],
      [7, 0],
      [
        8,
        [
          [1, 1_700_000_000],
          [2, 0],
        ],
      ],
      [
        11,
        [
          [1, "app"],
          [2, "web"],
        ],
      ],
      [
        11,
        [
          [1, "tier"],
          [2, "1"],
        ],
      ],
      [
        13,
        [
          [1, "StatefulSet"],
          [3, "web"],
          [4, "6e0c1f1e-0000-4000-8000-000000000002"],
          [6, 1],
        ],
      ],
      [14, "example.com/guard"],
    ],
  ],
  [
    2,
    [
      [
        2,
        [
          [1, "nginx"],
          [2, "nginx:1.27"],
        ],
      ],
      [4, -1n],
    ],
  ],
  [3, [[1, "Running"]]],
];

const POD_TEXT = `apiVersion: v1
kind: Pod
metadata:
  name: web-0
  namespace: shop
  uid: "6e0c1f1e-0000-4000-8000-000000000001"
  creationTimestamp: 2023-11-14T22:13:20Z
  labels:
    app: web
    tier: "1"
  ownerReferences:
    - StatefulSet web
  finalizers:
    - example.com/guard
2:
  2:
    1: nginx
    2: nginx:1.27
  4: -1
3:
  1: Running`;

const cases: { name: string; value: string | Uint8Array; decoding?: Decoding; want: string | undefined }[] = [
  {
    name: "JSON has a line for each member, and its numbers keep their digits",
    value: '{"b":[1,{"c":12345678901234567890,"d":[],"e":{}}],"a":"x: {,}","b":null}',
    want: `{
  "b": [
    1,
    {
      "c": 12345678901234567890,
      "d": [],
      "e": {}
    }
  ],
  "a": "x: {,}",
  "b": null
}`,
  },
  {
    name: "JSON that is laid out already is laid out anew",
    value: " [\n1 ,\t2 ] \n",
    want: "[\n  1,\n  2\n]",
  },
  { name: "an empty object stays on its line", value: "{}", want: "{}" },
  {
    name: "escaped quotes do not end a string",
    value: '["a\\"]","\\\\"]',
    want: '[\n  "a\\"]",\n  "\\\\"\n]',
  },
  { name: "a number alone is what it is", value: "12", want: undefined },
  { name: "text is what it is", value: "[not JSON", want: undefined },
  { name: "what is cut off is what it is", value: '{"a":', want: undefined },
  { name: "bytes are what they are", value: Buffer.from("{\xff}", "latin1"), want: undefined },
  { name: "nothing is nothing", value: "", want: undefined },
  {
    name: "an object of Kubernetes has its type and metadata by name, and the rest by number",
    value: storedObject("v1", "Pod", POD),
    want: POD_TEXT,
  },
  {
    name: "none is JSON when JSON is asked for",
    value: storedObject("v1", "Pod", POD),
    decoding: "json",
    want: undefined,
  },
  { name: "JSON is none of Kubernetes", value: '{"a":1}', decoding: "k8s", want: undefined },
  { name: "nothing is decoded when that is asked for", value: '{"a":1}', decoding: "none", want: undefined },
  {
    name: "an object without metadata is one",
    value: storedObject("example.com/v1", "Thing", []),
    want: "apiVersion: example.com/v1\nkind: Thing",
  },
  {
    name: "an object whose metadata is no message is shown by numbers",
    value: storedObject("v1", "Thing", [
      [1, "\xff"],
      [2, Buffer.from([0, 1])],
    ]),
    want: 'apiVersion: v1\nkind: Thing\n1: "ÿ"\n2: 0x0001',
  },
  {
    name: "what is encrypted says with what",
    value: Buffer.concat([Buffer.from("k8s:enc:aescbc:v1:key1:"), Buffer.alloc(32)]),
    want: 'encrypted by the API server: aescbc v1, key "key1", 32 bytes',
  },
  { name: "a type without an object is what it is", value: "k8s\0", want: undefined },
  {
    name: "an object that is cut off is what it is",
    value: storedObject("v1", "Pod", POD).subarray(0, 80),
    want: undefined,
  },
];
for (const { name, value, decoding = "auto", want } of cases)
  test(name, () => assert.equal(decodedText(Buffer.from(value as string), decoding), want));

test("messages in messages are shown as bytes when they are too deep", () => {
  let deep: WireField[] = [[1, 1]];
  for (let i = 0; i < 500; i++) deep = [[1, deep]];
  const text = decodedText(
    storedObject("v1", "Deep", [
      [2, 1],
      [3, deep],
    ]),
    "auto",
  )!;
  assert.match(text, /\n {60,70}1: 0x/);
});

test("damage is never more than a value that is shown as it is", () => {
  const whole = storedObject("v1", "Pod", POD);
  const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(flips, fc.nat(whole.length), (damage, length) => {
      const bytes = Buffer.from(whole.subarray(0, length));
      for (const [at, byte] of damage) if (at < length) bytes[at] = byte;
      const text = decodedText(bytes, "auto");
      assert.ok(text === undefined || text.length > 0);
    }),
  );
});

test("whatever is JSON is the same when it has been laid out", () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const text = decodedText(Buffer.from(json), "json");
      if (text !== undefined) assert.deepEqual(JSON.parse(text), JSON.parse(json));
      else assert.doesNotMatch(json, /^\s*[[{]/);
    }),
  );
});
