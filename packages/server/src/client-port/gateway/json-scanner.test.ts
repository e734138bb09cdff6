import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { JsonScanner, JsonSyntaxError, ValueTooLong } from "./json-scanner.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** All values of a body that comes in the given pieces, or the error that ends it. */
function scan(chunks: readonly Uint8Array[], limit = 1 << 20): { values: string[]; error?: string } {
  const scanner = new JsonScanner(limit);
  const values: string[] = [];
  const add = (value: Uint8Array): void => {
    values.push(new TextDecoder().decode(value));
  };
  try {
    for (const chunk of chunks) {
      let pos = 0;
      for (;;) {
        const found = scanner.next(chunk, pos);
        if (found === undefined) break;
        add(found.value);
        pos = found.end;
      }
    }
    const last = scanner.finish();
    if (last !== undefined) add(last);
    return { values };
  } catch (error) {
    assert.ok(error instanceof JsonSyntaxError, String(error));
    return { values, error: error.message };
  }
}

suite("values of a body", () => {
  const cases: { body: string; values: string[]; error?: string }[] = [
    { body: "", values: [] },
    { body: " \r\n\t", values: [] },
    { body: "{}", values: ["{}"] },
    { body: ' {"a":1}\n{"b":[]} ', values: ['{"a":1}', '{"b":[]}'] },
    { body: '{"a":1}{"b":2}', values: ['{"a":1}', '{"b":2}'] },
    {
      body: '{"key":"Zm9v"} trailing',
      values: ['{"key":"Zm9v"}'],
      error: "invalid character 'a' in literal true (expecting 'u')",
    },
    { body: "1 2.5e-3 -0", values: ["1", "2.5e-3", "-0"] },
    { body: "true null", values: ["true", "null"] },
    { body: '"a\\"b\\\\" "\\u00e4"', values: ['"a\\"b\\\\"', '"\\u00e4"'] },
    { body: '{"key":"Zm9v"', values: [], error: "unexpected EOF" },
    { body: '{"key', values: [], error: "unexpected EOF" },
    { body: "-", values: [], error: "unexpected EOF" },
    { body: "tru", values: [], error: "unexpected EOF" },
    { body: "x", values: [], error: "invalid character 'x' looking for beginning of value" },
    { body: "{a}", values: [], error: "invalid character 'a' looking for beginning of object key string" },
    {
      body: '{"a":1,}',
      values: [],
      error: "invalid character '}' looking for beginning of object key string",
    },
    { body: "[1,]", values: [], error: "invalid character ']' looking for beginning of value" },
    { body: '{"a" 1}', values: [], error: "invalid character '1' after object key" },
    { body: '{"a":1 "b"}', values: [], error: "invalid character '\"' after object key:value pair" },
    { body: "[1 2]", values: [], error: "invalid character '2' after array element" },
    { body: '"\n"', values: [], error: "invalid character '\\n' in string literal" },
    { body: '"\\x"', values: [], error: "invalid character 'x' in string escape code" },
    { body: '"\\u12g4"', values: [], error: "invalid character 'g' in \\u hexadecimal character escape" },
    { body: "[01]", values: [], error: "invalid character '1' after array element" },
    { body: "[1.]", values: [], error: "invalid character ']' after decimal point in numeric literal" },
    { body: "[1e]", values: [], error: "invalid character ']' in exponent of numeric literal" },
    { body: "[-a]", values: [], error: "invalid character 'a' in numeric literal" },
    { body: "'a'", values: [], error: "invalid character '\\'' looking for beginning of value" },
    { body: "nul!", values: [], error: "invalid character '!' in literal null (expecting 'l')" },
    { body: "[}", values: [], error: "invalid character '}' looking for beginning of value" },
    { body: '{"a":1]', values: [], error: "invalid character ']' after object key:value pair" },
  ];
  for (const { body, values, error } of cases) {
    const want = error === undefined ? { values } : { values, error };
    test(JSON.stringify(body), () => assert.deepEqual(scan([bytes(body)]), want));
  }
});

test("it does not matter how a body is cut into chunks", () => {
  const anyBody = fc.array(fc.oneof(fc.json(), fc.constantFrom("{", "]", '"', "\\", "1e", " x")), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(anyBody, fc.array(fc.nat(), { maxLength: 6 }), (parts, cuts) => {
      const body = bytes(parts.join(" "));
      const places = cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b);
      const chunks = [0, ...places].map((place, i) => body.subarray(place, places[i] ?? body.length));
      assert.deepEqual(scan(chunks), scan([body]));
    }),
  );
});

test("what it takes for a value is JSON, and all JSON is", () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom("", "{", '"', ",", "0", "\\", "e", "-", "\t"),
      (json, at, insert) => {
        const place = at % (json.length + 1);
        const text = json.slice(0, place) + insert + json.slice(place);
        const isJson = (() => {
          try {
            JSON.parse(text);
            return true;
          } catch {
            return false;
          }
        })();
        const { values, error } = scan([bytes(text)]);
        if (isJson) assert.deepEqual(values, [text.trim()]);
        else assert.ok(error !== undefined || values.length !== 1, text);
      },
    ),
  );
});

test("nesting is limited to 10,000 levels", () => {
  assert.deepEqual(scan([bytes("[".repeat(10_001))]).error, "invalid character '[' exceeded max depth");
  const deep = "[".repeat(10_000) + "]".repeat(10_000);
  assert.deepEqual(scan([bytes(deep)]), { values: [deep] });
});

test("a value longer than the limit is refused while it is being read, a long body is not", () => {
  assert.throws(() => scanRaw(`"${"a".repeat(100)}`, 50), ValueTooLong);
  assert.equal(scan([bytes("{} ".repeat(100))], 50).values.length, 100);
});

function scanRaw(body: string, limit: number): void {
  const scanner = new JsonScanner(limit);
  for (const char of body) scanner.next(bytes(char), 0);
}
