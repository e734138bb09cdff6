import assert from "node:assert/strict";
import { test } from "node:test";
import { remoteAddress } from "./remote-address.ts";

const addresses: [given: string | undefined, want: string][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:10.0.0.7", "10.0.0.7"],
  ["::1", "::1"],
  ["::ffff:a00:7", "::ffff:a00:7"],
  [undefined, ""],
];
for (const [given, want] of addresses) {
  test(`a client at ${given} comes from "${want}"`, () => {
    assert.equal(remoteAddress({ remoteAddress: given }), want);
  });
}
