import type { Fields } from "../requests.ts";
import { ALONE, LARGE, type Shape, SMALL } from "../shape.ts";
import { LARGE_VALUE_BYTES } from "../sizes.ts";
import { allOf, EVERYTHING, keyOf, putOf, type Store } from "../store.ts";
import { PAIR_BYTES } from "./range.ts";

const fewBytes = (): number => 2;
const largeValue = Buffer.alloc(LARGE_VALUE_BYTES, 0x5a);

const rangeOf = (fields: Fields): Fields => ({ request: { case: "requestRange", value: fields } });
const deletionOf = (fields: Fields): Fields => ({ request: { case: "requestDeleteRange", value: fields } });

/** A condition on every key of a range, which holds: it must look at all of them. */
function conditionOn(target: number, union: Fields): Fields {
  return { ...allOf("s"), result: 1, target, targetUnion: union };
}

/** A transaction in a transaction, and so on, a range of the first 10,000 keys in each. */
function nested(depth: number): Fields {
  const ops = [rangeOf({ ...allOf("s"), limit: 10_000 })];
  if (depth > 1) ops.push({ request: { case: "requestTxn", value: nested(depth - 1) } });
  return { success: ops };
}

function txn(
  what: string,
  ways: Shape["ways"],
  requests: Shape["requests"],
  leastBytes: Shape["leastBytes"],
  kind: "reads" | "writes",
): Shape {
  const shape: Shape = { method: "KV/Txn", what, ways, requests, leastBytes };
  return kind === "writes" ? { ...shape, isEntry: true } : shape;
}

const smallBytes = ({ sizes }: Store): number => sizes.smallKeys * PAIR_BYTES;

export const TXNS: readonly Shape[] = [
  txn(
    "three ranges of all small keys",
    LARGE,
    () => [{ success: [rangeOf(allOf("s")), rangeOf(allOf("s")), rangeOf(allOf("s"))] }],
    (store) => 3 * smallBytes(store),
    "reads",
  ),
  txn(
    "a put and a range of every key",
    SMALL,
    (_, number) => [{ success: [putOf("t", number, "value"), rangeOf(EVERYTHING)] }],
    ({ sizes }) => sizes.largeKeys * LARGE_VALUE_BYTES,
    // What an entry reads without need for its effect is read behind it: nobody may wait for that.
    "reads",
  ),
  txn(
    "ten levels of transactions with ranges",
    SMALL,
    () => [nested(10)],
    () => 10 * 10_000 * PAIR_BYTES,
    // As in etcd it is an entry, since not all at its top are ranges; but what it reads is read behind it.
    "reads",
  ),
  txn(
    "10,000 puts",
    SMALL,
    (_, number) => [
      { success: Array.from({ length: 10_000 }, (_each, i) => putOf(`t${number}`, i, "value")) },
    ],
    () => 10_000 * 2,
    "writes",
  ),
  txn(
    "10,000 deletions of one key each",
    SMALL,
    (_, number) => [
      { success: Array.from({ length: 10_000 }, (_each, i) => deletionOf({ key: keyOf(`t${number}`, i) })) },
    ],
    () => 10_000 * 2,
    "writes",
  ),
  txn(
    "conditions on all small keys",
    SMALL,
    (_, number) => [
      {
        compare: [
          conditionOn(0, { case: "version", value: 0n }),
          conditionOn(1, { case: "createRevision", value: 0n }),
          conditionOn(2, { case: "modRevision", value: 0n }),
          conditionOn(3, { case: "value", value: Buffer.from("a") }),
        ],
        success: [putOf("t", number, "value")],
      },
    ],
    fewBytes,
    "writes",
  ),
];

export const PUTS: readonly Shape[] = [
  {
    method: "KV/Put",
    isEntry: true,
    what: "a large value, with the previous one",
    ways: SMALL,
    requests: (_, number) => [{ key: keyOf("v", number), value: largeValue, prevKv: true }],
    leastBytes: () => LARGE_VALUE_BYTES,
  },
];

export const DELETIONS: readonly Shape[] = [
  {
    method: "KV/DeleteRange",
    isEntry: true,
    what: "the keys of the lease",
    ways: ALONE,
    requests: () => [allOf("l")],
    leastBytes: fewBytes,
    prepare: (store) => store.putLeased(),
  },
  {
    method: "KV/DeleteRange",
    isEntry: true,
    what: "the keys of the lease, with the previous ones",
    ways: LARGE,
    requests: () => [{ ...allOf("l"), prevKv: true }],
    // Of ten at once nine find nothing.
    leastBytes: fewBytes,
    prepare: (store) => store.putLeased(),
  },
  {
    method: "KV/DeleteRange",
    isEntry: true,
    what: "large values, with the previous ones",
    ways: ALONE,
    requests: () => [{ ...allOf("v"), prevKv: true }],
    leastBytes: ({ sizes }) => sizes.largeKeys * LARGE_VALUE_BYTES,
    prepare: (store) => store.putLarge(),
  },
  {
    method: "KV/Compact",
    what: "a fifth of the small keys has a former value, physical",
    ways: ALONE,
    requests: (store) => [{ revision: store.latestRevision, physical: true }],
    leastBytes: fewBytes,
    prepare: (store) => store.rewrite(),
  },
  {
    method: "KV/Compact",
    what: "all keys of the lease are deleted",
    ways: ALONE,
    requests: (store) => [{ revision: store.latestRevision, physical: true }],
    leastBytes: fewBytes,
    prepare: (store) => store.deleteLeased(),
  },
];
