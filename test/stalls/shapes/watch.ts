import type { Fields } from "../requests.ts";
import { ALONE, LARGE, onlyGrpc, type Shape, SMALL } from "../shape.ts";
import { LARGE_VALUE_BYTES } from "../sizes.ts";
import { allOf, keyOf, putOf, type Store } from "../store.ts";
import { PAIR_BYTES } from "./range.ts";

/** Longer than a watcher waits for its turn to read history. */
const QUIET_MS = 1_500;
const EVENTS = 10_000;
/** A crowd that watches one key, and how often that is put. */
const CROWD = 100_000;
const PUTS_FOR_CROWD = 5;
/** A response with the key and a value of a few bytes. */
const EVENT_BYTES = 40;
/** All but the keys of those who put beside: such a watch comes to rest. */
const FILLED = { key: Buffer.from("l"), rangeEnd: Buffer.from("w") };

const create = (value: Fields): Fields => ({ requestUnion: { case: "createRequest", value } });

/** The same watcher so often in one stream. */
function many(count: number, value: Fields): Fields[] {
  return Array.from({ length: count }, () => create(value));
}

function watch(shape: Omit<Shape, "method" | "quietMs">): Shape {
  return { method: "Watch/Watch", quietMs: QUIET_MS, ...shape };
}

async function putMany(store: Store): Promise<void> {
  const success = Array.from({ length: EVENTS }, (_, i) => putOf("w", i, "value"));
  await store.call("KV/Txn", { success });
}

async function putOneKey(store: Store): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await store.call("KV/Put", { key: keyOf("w", 0), value: Buffer.alloc(1_000) });
  }
}

/** `CROWD` watchers, as many in each of so many streams, each over a connection of its own. */
function crowd(streams: number): Shape {
  const each = CROWD / streams;
  return watch({
    what: `${CROWD} watchers of one key over ${streams} connections`,
    ways: onlyGrpc(ALONE).map((way) => ({ ...way, times: streams })),
    requests: () => many(each, { key: keyOf("w", 0) }),
    leastBytes: () => each * PUTS_FOR_CROWD * EVENT_BYTES,
    watchers: CROWD,
    meanwhile: async (store) => {
      for (let i = 0; i < PUTS_FOR_CROWD; i++) {
        await store.call("KV/Put", { key: keyOf("w", 0), value: Buffer.from("a few bytes") });
      }
    },
  });
}

const smallBytes = ({ sizes }: Store): number => sizes.smallKeys * PAIR_BYTES;

/** From the first revision on: nothing is compacted yet. */
export const WATCHES_OF_HISTORY: readonly Shape[] = [
  watch({
    what: "all small keys from the first revision on",
    ways: LARGE,
    requests: () => [create({ ...allOf("s"), startRevision: 1 })],
    leastBytes: smallBytes,
  }),
  watch({
    what: "everything from the first revision on, with previous values, in fragments",
    ways: LARGE,
    requests: () => [create({ ...FILLED, startRevision: 1, prevKv: true, fragment: true })],
    leastBytes: (store) => smallBytes(store) + store.sizes.largeKeys * LARGE_VALUE_BYTES,
  }),
  watch({
    what: "200 watchers of one key from the first revision on",
    ways: SMALL,
    requests: () => many(200, { key: keyOf("s", 0), startRevision: 1 }),
    leastBytes: () => 200 * PAIR_BYTES,
  }),
  watch({
    what: "200 watchers of all large values from the first revision on",
    ways: LARGE.filter(({ pace }) => pace !== "fast"),
    requests: () => many(200, { ...allOf("v"), startRevision: 1, prevKv: true }),
    leastBytes: () => 0,
  }),
];

export const WATCHES: readonly Shape[] = [
  watch({
    what: "100 watchers of a transaction of 10,000 puts",
    ways: [...ALONE, ...LARGE.filter(({ pace }) => pace !== "fast")],
    requests: () => many(100, allOf("w")),
    leastBytes: () => 100 * EVENTS * PAIR_BYTES,
    meanwhile: putMany,
    isOneEntryMeanwhile: true,
  }),
  watch({
    what: "500 watchers of one key that is put 20 times",
    ways: LARGE,
    requests: () => many(500, { key: keyOf("w", 0) }),
    leastBytes: () => 500 * 20 * 1_000,
    meanwhile: putOneKey,
  }),
  crowd(1),
  crowd(1_000),
  watch({
    what: "a deletion of all keys of the lease, with previous values",
    ways: LARGE,
    requests: () => [create({ ...allOf("l"), prevKv: true })],
    leastBytes: ({ sizes }) => sizes.leasedKeys * PAIR_BYTES,
    prepare: (store) => store.putLeased(),
    meanwhile: async (store) => {
      await store.call("KV/DeleteRange", allOf("l"));
    },
    isOneEntryMeanwhile: true,
  }),
  watch({
    what: "10,000 watchers created and cancelled",
    ways: SMALL,
    requests: () =>
      Array.from({ length: 10_000 }, (_, i) => [
        create({ ...allOf("w"), watchId: i + 1 }),
        { requestUnion: { case: "cancelRequest", value: { watchId: i + 1 } } },
      ]).flat(),
    leastBytes: () => 2 * 10_000,
  }),
];
