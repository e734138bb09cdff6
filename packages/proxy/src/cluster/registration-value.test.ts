import assert from "node:assert/strict";
import test from "node:test";
import { readRegistration, writeRegistration } from "./registration-value.ts";

const cases = [
  {
    name: "as Go's client writes it",
    text: '{"Op":0,"Addr":"p:1","Metadata":"{\\"name\\":\\"a\\"}"}',
    want: { name: "a", url: "p:1" },
  },
  { name: "without a name", text: '{"Addr":"p:1","Metadata":"{}"}', want: { name: "", url: "p:1" } },
  { name: "without metadata", text: '{"Addr":"p:1"}', want: undefined },
  { name: "without an address", text: '{"Metadata":"{}"}', want: undefined },
  { name: "that is no JSON", text: "{", want: undefined },
  { name: "that is nothing", text: "null", want: undefined },
];
for (const { name, text, want } of cases) {
  test(`a registration ${name} is ${want === undefined ? "none" : "understood"}`, () => {
    assert.deepEqual(readRegistration(text), want);
  });
}

test("what a proxy writes others understand", () => {
  const proxy = { name: 'a"b', url: "https://p:1" };
  assert.deepEqual(readRegistration(writeRegistration(proxy)), proxy);
});
