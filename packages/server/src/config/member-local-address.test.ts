import assert from "node:assert/strict";
import { test } from "node:test";
import { memberLocalAddress } from "./member-local-address.ts";
import { parseFlags } from "./parse-flags.ts";
import { makeServerConfig } from "./server-config.ts";

const cases = [
  { urls: ["http://localhost:2380"], want: undefined },
  { urls: ["http://127.0.0.1:2380", "http://127.9.0.1:2380", "http://[::1]:2380"], want: undefined },
  { urls: ["http://0.0.0.0:2380", "http://[::]:2380", "http://[::ffff:127.0.0.1]:2380"], want: undefined },
  { urls: ["unix://10.0.0.1:1"], want: undefined },
  { urls: ["http://m1.example:2380", "https://10.0.0.1:2380", "https://10.0.0.2:2380"], want: "10.0.0.1" },
  { urls: ["http://127.0.0.1:2380", "http://[2001:db8::1]:2380"], want: "2001:db8::1" },
];
for (const { urls, want } of cases) {
  test(`of ${urls} a member's own address is ${want ?? "none"}`, () => {
    const warnings: string[] = [];
    assert.equal(memberLocalAddress(urls, warnings), want);
    assert.equal(warnings.length, want === undefined ? 1 : 0);
  });
}

test("a member's own address counts only with its feature gate", () => {
  const args = [
    "--initial-advertise-peer-urls",
    "http://10.0.0.1:2380",
    "--initial-cluster",
    "default=http://10.0.0.1:2380",
  ];
  const configOf = (...more: string[]) => makeServerConfig(parseFlags([...args, ...more], {}));
  assert.equal(configOf().peerLocalAddress, undefined);
  assert.equal(configOf("--feature-gates", "SetMemberLocalAddr=true").peerLocalAddress, "10.0.0.1");
});
