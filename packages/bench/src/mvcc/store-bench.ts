import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type RangeRequest, RecordsTag, RecordsWriter } from "@quorate/wire/hot";
import { MvccStore } from "../../../server/src/mvcc/store.ts";
import { BboltBackend } from "../../../storage/src/database/bbolt-backend.ts";
import { realClock } from "../../../storage/src/seams/real-clock.ts";

/** The store over a database on disk, without network and log. Argument: number of keys. CPU time of the whole process. */
const count = Number(process.argv[2] ?? 100_000);
const directory = mkdtempSync(path.join(tmpdir(), "quorate-bench-"));
const NONE = new Uint8Array(0);

async function main(): Promise<void> {
  const keys: Uint8Array[] = [];
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    keys.push(
      Buffer.from(`/bench/${(state >>> 0).toString(16).padStart(8, "0")}/${String(i).padStart(16, "0")}`),
    );
  }
  const asked = keys.map((_, i) => new Uint8Array(keys[(Math.imul(i, 0x9e37_79b1) >>> 0) % count]!));
  const value = new Uint8Array(256).fill(120);
  const backend = await BboltBackend.open({
    path: path.join(directory, "db"),
    clock: realClock,
    onFatal: (error) => {
      throw error;
    },
  });
  const store = await MvccStore.open({ backend, clock: realClock, compactionSleepMs: 0 });
  let index = 0;
  const putAll = async (list: Uint8Array[]): Promise<void> => {
    for (let i = 0; i < list.length; i++) {
      backend.setConsistentIndex(++index, 1);
      const txn = store.beginWrite();
      txn.put(list[i]!, value, 0n);
      txn.end();
      backend.entryApplied();
      if (i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await measure("put a new key", count, () => putAll(keys));
  await measure("put an old key", count, () => putAll(asked));
  await settle(backend);
  const one = request({});
  await measure("range of one key", count, () => {
    for (const key of asked) {
      one.key = key;
      store.range(one);
    }
  });
  const writer = new RecordsWriter(RecordsTag.rangeKvs);
  for (const limit of [10, 100, 10_000]) {
    const rounds = Math.max(3, Math.floor(1_000_000 / limit));
    await measure(`range of ${limit} keys, per range`, rounds, async () => {
      for (let i = 0; i < rounds; i++) {
        const asking = request({ key: asked[i % count]!, rangeEnd: Uint8Array.of(0), limit });
        const outcome = store.rangeInto(asking, writer);
        if (outcome instanceof Promise) await outcome;
        writer.clear();
      }
    });
  }
  await measure("range of 100 keys, keys only, per range", 1000, () => {
    for (let i = 0; i < 1000; i++) {
      store.range(
        request({ key: asked[i % count]!, rangeEnd: Uint8Array.of(0), limit: 100, keysOnly: true }),
      );
    }
  });
  await measure("range of everything, in slices", 1, async () => {
    await store.rangeInto(request({ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) }), writer);
  });
  await measure("count everything", 10_000, () => {
    for (let i = 0; i < 10_000; i++)
      store.range(request({ key: Uint8Array.of(1), rangeEnd: Uint8Array.of(255), countOnly: true }));
  });
  await measure("hash", 1, () => store.hashKv(0));
  await measure("compact", 1, () => store.compact(store.currentRevision).done);
  await measure("hash after the compaction", 1, () => store.hashKv(0));
  await settle(backend);
  await measure("restart", 1, () => store.restore());
  const { heapUsed, external, rss } = process.memoryUsage();
  console.log(
    `heap ${mb(heapUsed)}, external ${mb(external)}, resident ${mb(rss)} (keys of the benchmark included)`,
  );
  await store.close();
  await backend.close();
}

async function settle(backend: BboltBackend): Promise<void> {
  backend.commit();
  await backend.flushed();
}

async function measure(what: string, operations: number, run: () => unknown): Promise<void> {
  const startMs = performance.now();
  const start = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(start);
  const cpu = ((user + system) / operations).toFixed(2);
  console.log(
    `${count} keys: ${what}: ${cpu} µs of CPU each, ${(performance.now() - startMs).toFixed(0)} ms in all`,
  );
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function request(fields: Partial<RangeRequest>): RangeRequest {
  return {
    key: NONE,
    rangeEnd: NONE,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...fields,
  };
}

// The clock's timers do not keep a process alive.
const alive = setInterval(() => {}, 1000);
await main();
clearInterval(alive);
rmSync(directory, { recursive: true });
