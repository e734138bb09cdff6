import assert from "node:assert/strict";
import test from "node:test";
import { parseEndpoint, tlsNameOf } from "./endpoint.ts";

const cases = [
  { text: "127.0.0.1:2379", address: "127.0.0.1:2379", tls: "either", serverName: "127.0.0.1" },
  { text: " localhost:2379 ", address: "localhost:2379", tls: "either", serverName: "localhost" },
  { text: "[::1]:2379", address: "[::1]:2379", tls: "either", serverName: "::1" },
  { text: "http://m1:1/", address: "m1:1", tls: "never", serverName: "m1" },
  { text: "https://m1:1", address: "m1:1", tls: "required", serverName: "m1" },
  { text: "unix:///tmp/m1:23", socketPath: "/tmp/m1:23", tls: "either", serverName: "m1:23" },
  { text: "unix:m1", socketPath: "m1", tls: "either", serverName: "m1" },
  { text: "unixs://dir/m1", socketPath: "dir/m1", tls: "required", serverName: "m1" },
];
for (const { text, ...want } of cases) {
  test(`understands ${text}`, () => assert.deepEqual(parseEndpoint(text), { ...want, text: text.trim() }));
}

for (const text of ["", "m1", "m1:port", "ftp://m1:1", "http://m1", "m1:1:2"]) {
  test(`refuses "${text}"`, () => assert.throws(() => parseEndpoint(text), TypeError));
}

test("an address is no name to ask for by TLS, nor is a port part of one", () => {
  const names = [
    "127.0.0.1:1",
    "[::1]:1",
    "[fe80::1]:1",
    "unix://127.0.0.1:1",
    "m1:1",
    "face:1",
    "unixs://d/m1:1",
  ];
  assert.deepEqual(
    names.map((text) => tlsNameOf(parseEndpoint(text))),
    [undefined, undefined, undefined, undefined, "m1", "face", "m1"],
  );
});
