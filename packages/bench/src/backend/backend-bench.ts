import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { BboltBackend } from "../../../storage/src/database/bbolt-backend.ts";
import type { RecordSink } from "../../../storage/src/seams/backend.ts";

/*
 * What the backend costs the loop and the process: `node backend-bench.ts [records] [bytes of a record]`.
 * Writes 1,000 entries a turn, as a busy member does, and prints microseconds a record.
 */
const RECORDS = Number(process.argv[2] ?? 300_000);
const RECORD_BYTES = Number(process.argv[3] ?? 300);
const ENTRIES_A_TURN = 1_000;
/** Beyond it the writer waits, as a member does for its log. */
const MAX_BACKLOG_BYTES = 16 << 20;

const directory = mkdtempSync(path.join(process.env.QUORATE_BENCH_DIR ?? tmpdir(), "quorate-bench-"));
const file = path.join(directory, "db");
const clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (delayMs: number, callback: () => void) => {
    const handle = setTimeout(callback, delayMs).unref();
    return { cancel: () => clearTimeout(handle) };
  },
  soon: (callback: () => void) => {
    setImmediate(callback);
  },
};
const options = {
  path: file,
  clock,
  onFatal: (error: Error) => {
    throw error;
  },
};
const open = () => BboltBackend.open(options);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const report = (what: string, value: string): void => {
  process.stdout.write(`${what.padEnd(52)} ${value}\n`);
};
const anonymousMb = (): number =>
  Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;

async function puts(backend: BboltBackend): Promise<void> {
  const record = new Uint8Array(RECORD_BYTES).fill(7);
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const cpu = cpuUs();
  let busyMs = 0;
  let worstMs = 0;
  for (let i = 0; i < RECORDS; ) {
    const started = performance.now();
    for (let j = 0; j < ENTRIES_A_TURN; j++, i++) {
      backend.setConsistentIndex(i + 1, 1);
      backend.putRevision(i + 2, 0, false, record);
      backend.entryApplied();
    }
    const tookMs = performance.now() - started;
    busyMs += tookMs;
    worstMs = Math.max(worstMs, tookMs);
    await turn();
    if (backend.backlogBytes > MAX_BACKLOG_BYTES) {
      backend.commit();
      await backend.flushed();
    }
  }
  backend.commit();
  await backend.flushed();
  loop.disable();
  report("put, on the loop", `${((busyMs * 1e3) / RECORDS).toFixed(2)} µs`);
  report("put, all threads, kernel included", `${((cpuUs() - cpu) / RECORDS).toFixed(2)} µs`);
  report(`longest turn of ${ENTRIES_A_TURN} puts`, `${worstMs.toFixed(1)} ms`);
  report("loop delay p99.9 during puts", `${(loop.percentile(99.9) / 1e6).toFixed(1)} ms`);
}

function reads(backend: BboltBackend, what: string, count: number, revisionOf: (i: number) => number): void {
  const samples: number[] = [];
  for (let round = 0; round < 5; round++) {
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      if (backend.getRevision(revisionOf(i), 0)?.length !== RECORD_BYTES) throw new Error("not found");
    }
    samples.push(((performance.now() - started) * 1e3) / count);
  }
  report(what, `${samples.sort((a, b) => a - b)[2]!.toFixed(2)} µs`);
}

/** Takes records into memory that is used again and again, as the parts of a response are. */
class Sink implements RecordSink {
  readonly bytes = new Uint8Array(1 << 16);
  readonly view = new DataView(this.bytes.buffer);
  #at = 0;

  begin(length: number): number {
    if (this.#at + length > this.bytes.length) this.#at = 0;
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

function copies(backend: BboltBackend, what: string, revisionOf: (i: number) => number): void {
  const count = 10_000;
  const mains = Float64Array.from({ length: count }, (_, i) => revisionOf(i));
  const subs = new Int32Array(count);
  const sink = new Sink();
  const samples: number[] = [];
  for (let round = 0; round < 21; round++) {
    const started = performance.now();
    for (let at = 0; at < count; ) {
      const stopped = backend.copyRevisions(mains, subs, at, count, sink);
      if (stopped === at) throw new Error("not found");
      at = stopped;
    }
    samples.push(((performance.now() - started) * 1e3) / count);
  }
  report(what, `${samples.sort((a, b) => a - b)[10]!.toFixed(2)} µs`);
}

function scan(backend: BboltBackend): void {
  let worstMs = 0;
  const started = performance.now();
  const records = backend.scanRevisions(0, Number.MAX_SAFE_INTEGER);
  for (;;) {
    const slice = performance.now();
    const visited = records.visit(2_000, () => {});
    worstMs = Math.max(worstMs, performance.now() - slice);
    if (visited < 2_000) break;
  }
  report("scan by visit", `${(((performance.now() - started) * 1e3) / RECORDS).toFixed(2)} µs`);
  report("longest slice of 2,000", `${worstMs.toFixed(1)} ms`);
}

async function defragment(backend: BboltBackend): Promise<void> {
  for (let main = 2; main < RECORDS; main += 2) {
    backend.deleteRevision(main, 0, false);
    if (main % 2_000 === 0) {
      backend.commit();
      await turn();
    }
  }
  backend.commit();
  await backend.flushed();
  const before = backend.sizeBytes;
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const cpu = cpuUs();
  const started = performance.now();
  await backend.defragment();
  loop.disable();
  const megabytes = `${(before / 1e6).toFixed(0)} to ${(backend.sizeBytes / 1e6).toFixed(0)} MB`;
  report(`defragmentation, ${megabytes}`, `${(performance.now() - started).toFixed(0)} ms`);
  report("its CPU", `${((cpuUs() - cpu) / 1e3).toFixed(0)} ms`);
  report("loop delay p99.9 during it", `${(loop.percentile(99.9) / 1e6).toFixed(1)} ms`);
}

async function main(): Promise<void> {
  const startMb = anonymousMb();
  let backend = await open();
  await puts(backend);
  report("file, bytes a record", (statSync(file).size / RECORDS).toFixed(0));
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return 2 + (state % RECORDS);
  };
  reads(backend, "read of a committed record, random", 100_000, random);
  reads(backend, "read of a committed record, page in cache", 100_000, (i) => RECORDS - (i & 7));
  copies(backend, "copies of 10,000 records, random", random);
  copies(backend, "copies of 10,000 records, in order", (i) => 2 + i);
  scan(backend);
  globalThis.gc?.();
  report("anonymous memory above the start", `${(anonymousMb() - startMb).toFixed(0)} MB`);
  for (let i = 0; i < 5_000; i++)
    backend.putRevision(RECORDS + 10 + i, 0, false, new Uint8Array(RECORD_BYTES));
  reads(backend, "read of a pending record", 1_000_000, (i) => RECORDS + 10 + ((i * 7) % 5_000));
  await backend.close();
  const started = performance.now();
  backend = await open();
  report("open", `${(performance.now() - started).toFixed(1)} ms`);
  await defragment(backend);
  await backend.close();
}

try {
  await main();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
