import { hashKey } from "../../../server/src/mvcc/index/key-hash.ts";
import { KeyIndex } from "../../../server/src/mvcc/index/key-index.ts";

/** The key index alone: insertion, update, lookup, counting, memory, rebuild, compaction. Arguments: numbers of keys. */
const sizes = process.argv.slice(2).map(Number);
for (const size of sizes.length > 0 ? sizes : [100_000, 1_000_000]) measure(size);

function measure(count: number): void {
  // 32 bytes, unordered: what an index likes least.
  const keys: Uint8Array[] = [];
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    keys.push(
      new Uint8Array(
        Buffer.from(`/bench/${(state >>> 0).toString(16).padStart(8, "0")}/${String(i).padStart(16, "0")}`),
      ),
    );
  }
  // Copies in another order, side by side in memory like requests that come in: only the index is out of cache.
  const asked: Uint8Array[] = [];
  for (let i = 0; i < count; i++)
    asked.push(new Uint8Array(keys[(Math.imul(i, 0x9e37_79b1) >>> 0) % count]!));
  globalThis.gc?.();
  const before = memoryBytes();
  let index = new KeyIndex(1, 2);
  let main = 2;
  report(
    count,
    "insert new keys in random order",
    time(() => {
      for (let i = 0; i < count; i++) index.put(keys[i]!, main++, 0, false);
    }),
    count,
  );
  globalThis.gc?.();
  console.log(`${count} keys: memory ${((memoryBytes() - before) / 1e6).toFixed(1)} MB`);
  report(
    count,
    "hash a key",
    time(() => {
      for (let i = 0; i < count; i++) hashKey(keys[i]!, 1, 2);
    }),
    count,
  );
  report(
    count,
    "find a key at random",
    time(() => {
      for (let i = 0; i < count; i++) index.findLive(asked[i]!);
    }),
    count,
  );
  report(
    count,
    "update a key at random",
    time(() => {
      for (let i = 0; i < count; i++) index.put(asked[i]!, main++, 0, false);
    }),
    count,
  );
  report(
    count,
    "count an interval",
    time(() => {
      for (let i = 0; i + 1 < 100_000; i++) index.countLive(asked[i % count]!, asked[(i + 1) % count]!);
    }),
    100_000,
  );
  report(
    count,
    "count all at a revision a quarter ago",
    time(() => index.countAt(new Uint8Array(0), undefined, main - (count >>> 2))),
    1,
  );
  report(
    count,
    "compact after every key was updated",
    time(() => {
      index.beginCompaction(main);
      while (!index.compactStep(1000));
    }),
    count,
  );
  report(
    count,
    "delete keys at random",
    time(() => {
      for (let i = 0; i < count >>> 2; i++) {
        const id = index.findLive(asked[i]!);
        if (id >= 0) index.tombstone(asked[i]!, id, main++, 0);
      }
    }),
    count >>> 2,
  );
  report(
    count,
    "compact after a quarter was deleted",
    time(() => {
      index.beginCompaction(main);
      while (!index.compactStep(1000));
    }),
    count >>> 2,
  );
  index = new KeyIndex(1, 2);
  report(
    count,
    "rebuild: entries",
    time(() => {
      for (let i = 0; i < count; i++)
        index.restorePut(keys[i]!, index.restoreHash(keys[i]!), i + 2, 0, i + 2, 1, false);
    }),
    count,
  );
  report(
    count,
    "rebuild: order",
    time(() => {
      for (const _ of index.finishRestore());
    }),
    count,
  );
}

function time(run: () => void): number {
  // CPU time: other processes do not count.
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function report(count: number, what: string, ms: number, operations: number): void {
  console.log(
    `${count} keys: ${what}: ${ms.toFixed(0)} ms, ${((ms * 1000) / operations).toFixed(3)} µs each`,
  );
}

function memoryBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
