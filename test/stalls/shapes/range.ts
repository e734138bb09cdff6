import type { Fields } from "../requests.ts";
import { ALONE, LARGE, onlyGrpc, type Shape, SMALL } from "../shape.ts";
import { LARGE_VALUE_BYTES } from "../sizes.ts";
import { allOf, EVERYTHING, type Store } from "../store.ts";

/** A key, a value and their numbers take at least so much of an answer. */
export const PAIR_BYTES = 50;
const KEY_BYTES = 16;

const smallBytes = ({ sizes }: Store): number => sizes.smallKeys * PAIR_BYTES;
const largeBytes = ({ sizes }: Store): number => sizes.largeKeys * LARGE_VALUE_BYTES;
const keyBytes = ({ sizes }: Store): number => sizes.smallKeys * KEY_BYTES;
const fewBytes = (): number => 2;

function range(
  what: string,
  ways: Shape["ways"],
  fields: Fields | ((store: Store) => Fields),
  leastBytes: Shape["leastBytes"],
): Shape {
  const requests = (store: Store) => [typeof fields === "function" ? fields(store) : fields];
  return { method: "KV/Range", what, ways, requests, leastBytes };
}

const SORT_TARGETS = ["KEY", "VERSION", "CREATE", "MOD", "VALUE"];

export const RANGES: readonly Shape[] = [
  range("every key", LARGE, EVERYTHING, (store) => smallBytes(store) + largeBytes(store)),
  range("small keys", LARGE, allOf("s"), smallBytes),
  range("small keys, serializable", ALONE, { ...allOf("s"), serializable: true }, smallBytes),
  range("large values", SMALL, allOf("v"), largeBytes),
  range("keys only", LARGE, { ...EVERYTHING, keysOnly: true }, keyBytes),
  range("count only", SMALL, { ...EVERYTHING, countOnly: true }, fewBytes),
  range(
    "small keys at an old revision",
    LARGE,
    ({ filledRevision }) => ({ ...allOf("s"), revision: filledRevision }),
    smallBytes,
  ),
  range(
    "count at an old revision",
    SMALL,
    ({ filledRevision }) => ({ ...EVERYTHING, revision: filledRevision, countOnly: true }),
    fewBytes,
  ),
  range(
    "the first 50,000",
    SMALL,
    { ...EVERYTHING, limit: 50_000 },
    ({ sizes }) => Math.min(50_000, sizes.smallKeys) * PAIR_BYTES,
  ),
  range("changed in a revision to come", SMALL, { ...EVERYTHING, minModRevision: 2 ** 40 }, fewBytes),
  ...SORT_TARGETS.map((name, target) =>
    range(
      `ten by ${name.toLowerCase()}, descending`,
      SMALL,
      { ...EVERYTHING, limit: 10, sortOrder: 2, sortTarget: target },
      fewBytes,
    ),
  ),
  ...SORT_TARGETS.map((name, target) =>
    range(
      `all keys by ${name.toLowerCase()}, descending`,
      ALONE,
      { ...EVERYTHING, keysOnly: true, sortOrder: 2, sortTarget: target },
      keyBytes,
    ),
  ),
  {
    method: "KV/RangeStream",
    what: "every key",
    ways: onlyGrpc(LARGE),
    requests: () => [EVERYTHING],
    leastBytes: (store) => smallBytes(store) + largeBytes(store),
  },
];
