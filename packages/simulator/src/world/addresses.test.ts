import assert from "node:assert/strict";
import test from "node:test";
import { memberId } from "@quorate/server/simulation";
import { SeededRandom } from "@quorate/testkit/random";
import { addressesOfTwins, firstAddresses } from "./addresses.ts";

test("twins have IDs that end in the same 16 bits, and are two", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const addresses = addressesOfTwins(new SeededRandom(seed), 3);
    const [one, other, third] = addresses.map((address) => memberId([address], "etcd-cluster"));
    assert.equal(one! & 0xffffn, other! & 0xffffn, `seed ${seed}: ${addresses}`);
    assert.equal(new Set([one, other, third]).size, 3, `seed ${seed}: ${addresses}`);
    assert.deepEqual(addressesOfTwins(new SeededRandom(seed), 3), addresses);
  }
  assert.equal(firstAddresses(3).length, 3);
});
