import { ALONE, LARGE, type Shape, SMALL } from "../shape.ts";
import { LEASE } from "../store.ts";

const fewBytes = (): number => 2;

export const LEASES: readonly Shape[] = [
  {
    method: "Lease/LeaseGrant",
    what: "one",
    ways: SMALL,
    requests: () => [{ TTL: 600n }],
    leastBytes: fewBytes,
  },
  {
    method: "Lease/LeaseTimeToLive",
    what: "the lease with many keys, with its keys",
    ways: LARGE,
    requests: () => [{ ID: LEASE, keys: true }],
    leastBytes: ({ sizes }) => sizes.leasedKeys * 10,
    prepare: (store) => store.putLeased(),
  },
  {
    method: "Lease/LeaseLeases",
    what: "all",
    ways: LARGE,
    requests: () => [{}],
    leastBytes: ({ sizes }) => sizes.leases * 3,
  },
  {
    method: "Lease/LeaseKeepAlive",
    what: "10,000 renewals at once",
    ways: LARGE,
    requests: ({ sizes }) =>
      Array.from({ length: 10_000 }, (_, i) => ({ ID: 1_000n + BigInt(i % sizes.leases) })),
    leastBytes: () => 10_000 * 10,
    quietMs: 1_000,
  },
  {
    method: "Lease/LeaseRevoke",
    isEntry: true,
    what: "the lease with many keys",
    ways: ALONE,
    requests: () => [{ ID: LEASE }],
    leastBytes: fewBytes,
    prepare: (store) => store.putLeased(),
  },
];
