import { memberId } from "@quorate/server/simulation";
import type { SeededRandom } from "@quorate/testkit/random";

/** The token of a cluster that is given none. */
const TOKEN = "etcd-cluster";
const LOW_BITS = 0xffffn;

/** Where the first `count` members listen for others. */
export function firstAddresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `http://10.0.0.${i + 1}:2380`);
}

/**
 * The same, but two of them make IDs that end in the same 16 bits, in which the IDs of requests of different members differ.
 * IDs are hashes of addresses: some hundred are tried.
 */
export function addressesOfTwins(random: SeededRandom, count: number): string[] {
  const tried = new Map<bigint, string>();
  for (;;) {
    const address = `http://10.${random.below(256)}.${random.below(256)}.${2 + random.below(250)}:2380`;
    const bits = memberId([address], TOKEN) & LOW_BITS;
    const twin = tried.get(bits);
    if (twin !== undefined && twin !== address) return [twin, address, ...firstAddresses(count).slice(2)];
    tried.set(bits, address);
  }
}
