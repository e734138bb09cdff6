import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import {
  type Backend,
  type RecordSink,
  type RevisionRecord,
  SOME_BYTES,
  type Table,
} from "../seams/backend.ts";
import { entryWriteBytes, revisionWriteBytes } from "./write-bytes.ts";

const text = new TextEncoder();
export const bytes = (value: string): Uint8Array => text.encode(value);
export const string = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

export interface Subject {
  /** A fresh backend. */
  open(clock: ManualClock): Promise<Backend>;
  /** What a crash leaves of `backend`. Only what was flushed is promised to be there. */
  crash(backend: Backend): Promise<Backend>;
  /** A backend with the content of a bbolt file that `backend` can become. */
  importBeside(backend: Backend, file: Uint8Array, clock: ManualClock): Promise<Backend>;
  /** Waits until all that was committed is durable; virtual clocks are moved. */
  settle(backend: Backend, clock: ManualClock): Promise<void>;
  /** From now on a commit ends only when it is told to. */
  holdCommits(clock: ManualClock): CommitControl;
}

export interface CommitControl {
  /** Lets the commit end that is under way. */
  endOne(): Promise<void>;
  /** Commits end by themselves again. */
  release(): void;
}

/** Lets everything happen that is to happen in this turn of the loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Entry `index`, which puts one revision. */
export function putEntry(backend: Backend, index: number, record = bytes(`${index}`)): void {
  backend.setConsistentIndex(index, 1);
  backend.putRevision(index + 1, 0, false, record);
  backend.entryApplied();
}

export async function exported(backend: Backend): Promise<{ file: Buffer; index: number; term: number }> {
  const database = await backend.export();
  const chunks: Uint8Array[] = [];
  for await (const chunk of database.read()) chunks.push(chunk);
  await database.release();
  await database.release();
  const file = Buffer.concat(chunks);
  assert.equal(file.length, database.sizeBytes);
  return { file, index: database.consistentIndex, term: database.consistentTerm };
}

export function scanned(backend: Backend, fromMain = 0, toMain = Number.MAX_SAFE_INTEGER): string[] {
  return [...mapped(backend.scanRevisions(fromMain, toMain))];
}

function* mapped(scan: Iterable<RevisionRecord>): Iterable<string> {
  for (const { main, sub, tombstone, record } of scan) {
    yield `${main}.${sub}${tombstone ? "t" : ""}=${string(record)}`;
  }
}

/** Records that `copyRevisions` copied, each in memory of its own. */
class CopiedRecords implements RecordSink {
  readonly records: Uint8Array[] = [];
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);

  begin(length: number): number {
    this.bytes = new Uint8Array(length + 3);
    this.view = new DataView(this.bytes.buffer);
    this.records.push(this.bytes.subarray(3));
    return 3;
  }

  takeBack(): void {
    this.records.pop();
  }
}

/** What every backend must do. */
export function backendContract(name: string, subject: Subject): void {
  const contract = (title: string, body: (backend: Backend, clock: ManualClock) => Promise<void> | void) =>
    test(`${name}: ${title}`, async () => {
      const clock = ManualClock.withRealTurns();
      const backend = await subject.open(clock);
      try {
        await body(backend, clock);
      } finally {
        await backend.close();
      }
    });
  const table: Table = "lease";

  contract("a write is seen by the next read, before and after its commit", async (backend, clock) => {
    const check = () => {
      assert.equal(string(backend.getRevision(2, 0)), "two");
      assert.equal(backend.getTombstone(2, 0), undefined);
      assert.equal(string(backend.getTombstone(3, 1)), "gone");
      assert.equal(backend.getRevision(3, 1), undefined);
      assert.equal(backend.getRevision(3, 0), undefined);
      assert.deepEqual(backend.lastRevision(), { main: 3, sub: 1 });
      assert.deepEqual(scanned(backend), ["2.0=two", "3.1t=gone"]);
      assert.equal(string(backend.get(table, bytes("a"))), "1");
      assert.equal(backend.get("alarm", bytes("a")), undefined);
    };
    backend.putRevision(2, 0, false, bytes("two"));
    backend.putRevision(3, 1, true, bytes("gone"));
    backend.put(table, bytes("a"), bytes("1"));
    check();
    backend.commit();
    check();
    await subject.settle(backend, clock);
    check();
  });

  contract("a deletion hides a record at once, wherever the record is", async (backend, clock) => {
    for (const state of ["pending", "committing", "committed"]) {
      const main = (backend.lastRevision()?.main ?? 1) + 1;
      backend.putRevision(main, 0, false, bytes("x"));
      backend.putRevision(main, 1, true, bytes("y"));
      backend.putRevision(main, 2, false, bytes("kept"));
      if (state !== "pending") backend.commit();
      if (state === "committed") await subject.settle(backend, clock);
      backend.deleteRevision(main, 0, true); // not there in this form
      assert.equal(string(backend.getRevision(main, 0)), "x", state);
      backend.deleteRevision(main, 0, false);
      backend.deleteRevision(main, 1, true);
      const check = () => {
        assert.equal(backend.getRevision(main, 0), undefined, state);
        assert.equal(backend.getTombstone(main, 1), undefined, state);
        assert.deepEqual(scanned(backend, main, main), [`${main}.2=kept`], state);
      };
      check();
      backend.commit();
      check();
      await subject.settle(backend, clock);
      check();
    }
  });

  contract("many records are copied in the order asked for, wherever they are", async (backend, clock) => {
    const all = new Map<string, string>();
    const write = (from: number, to: number) => {
      for (let main = from; main < to; main++) {
        for (let sub = 0; sub <= (main % 50 === 0 ? 3 : 0); sub++) {
          const size = main % 97 === 0 ? 10_000 : (main * 31) % 400;
          all.set(`${main}.${sub}`, `${main}.${sub} ${"x".repeat(size)}`);
          backend.putRevision(main, sub, false, bytes(all.get(`${main}.${sub}`)!));
        }
      }
    };
    const remove = (remainder: number) => {
      for (const key of [...all.keys()].filter((_, i) => i % 7 === remainder)) {
        const [main, sub] = key.split(".").map(Number) as [number, number];
        backend.deleteRevision(main, sub, false);
        all.delete(key);
      }
    };
    const check = () => {
      for (const order of [1, -1, 7919]) {
        const asked = [...all.keys()].sort(
          (a, b) => ((Number(a) * order) % 10_007) - ((Number(b) * order) % 10_007),
        );
        const mains = Float64Array.from(asked, (key) => Number(key.split(".")[0]));
        const subs = Int32Array.from(asked, (key) => Number(key.split(".")[1]));
        const copied = new CopiedRecords();
        for (let at = 0; at < asked.length; ) {
          const stopped = backend.copyRevisions(mains, subs, at, asked.length, copied);
          assert.ok(stopped > at);
          at = stopped;
        }
        assert.deepEqual(
          copied.records.map(string),
          asked.map((key) => all.get(key)!),
        );
      }
    };
    const stopsAt = (main: number, sub: number) => {
      const copied = new CopiedRecords();
      const present = [...all.keys()][0]!.split(".").map(Number) as [number, number];
      const mains = Float64Array.of(present[0], main);
      assert.equal(backend.copyRevisions(mains, Int32Array.of(present[1], sub), 0, 2, copied), 1);
      assert.equal(backend.copyRevisions(mains, Int32Array.of(present[1], sub), 1, 2, copied), 1);
      assert.equal(copied.records.length, 1);
    };
    write(2, 1500);
    check();
    backend.commit();
    write(1500, 2000);
    check();
    await subject.settle(backend, clock);
    remove(3);
    write(2000, 2100);
    check();
    await subject.settle(backend, clock);
    check();
    remove(5);
    await subject.settle(backend, clock);
    check();
    stopsAt(2500, 0);
    stopsAt(1001, 7);
    stopsAt(1, 0);
  });

  contract("the last revision steps back over deleted records", async (backend, clock) => {
    for (let main = 2; main < 6; main++) backend.putRevision(main, 0, false, bytes("x"));
    backend.commit();
    await subject.settle(backend, clock);
    backend.putRevision(6, 0, false, bytes("x"));
    backend.deleteRevision(6, 0, false);
    backend.deleteRevision(5, 0, false);
    backend.deleteRevision(4, 0, false);
    assert.deepEqual(backend.lastRevision(), { main: 3, sub: 0 });
    backend.deleteRevision(3, 0, false);
    backend.deleteRevision(2, 0, false);
    assert.equal(backend.lastRevision(), undefined);
    backend.commit();
    await subject.settle(backend, clock);
    assert.equal(backend.lastRevision(), undefined);
  });

  contract("entries come in ascending order of their bytes, each once", async (backend, clock) => {
    for (const key of ["b", "a", "\u00ff", "ab", "c"]) backend.put(table, bytes(key), bytes(`1${key}`));
    backend.commit();
    await subject.settle(backend, clock);
    backend.put(table, bytes("b"), bytes("2b"));
    backend.commit();
    backend.delete(table, bytes("a"));
    backend.put(table, bytes("0"), bytes("3"));
    const want = [
      ["0", "3"],
      ["ab", "1ab"],
      ["b", "2b"],
      ["c", "1c"],
      ["\u00ff", "1\u00ff"],
    ];
    const found = () => backend.entries(table).map(([key, value]) => [string(key), string(value)]);
    const visited = () =>
      entriesVisited(backend, table, 2).map(([key, value]) => [string(key), string(value)]);
    assert.deepEqual(found(), want);
    assert.deepEqual(visited(), want);
    backend.commit();
    await subject.settle(backend, clock);
    assert.deepEqual(found(), want);
    assert.deepEqual(visited(), want);
  });

  contract(
    "many entries are visited a few at a time, each once, while others come and go",
    async (backend, clock) => {
      const key = (i: number) => bytes(`k${`${i}`.padStart(5, "0")}`);
      const kept = (i: number) => i % 3 !== 0;
      for (let i = 0; i < 3000; i++) backend.put(table, key(i), bytes(`${i}`));
      backend.commit();
      await subject.settle(backend, clock);
      for (let i = 3000; i < 3100; i++) backend.put(table, key(i), bytes(`${i}`));
      const seen: number[] = [];
      let from: Uint8Array | undefined = new Uint8Array(0);
      let steps = 0;
      let removed = 3000;
      for (; from !== undefined; steps++) {
        const before = seen.length;
        from = backend.visitEntries(table, from, 100, (_key, value) => seen.push(Number(string(value))));
        assert.ok(from === undefined || seen.length >= before + 50, "about as many as asked for");
        assert.ok(seen.length < before + 400);
        for (let i = 0; i < 30; i++) {
          removed -= 3;
          backend.delete(table, key(removed));
        }
        if (steps % 10 !== 0) continue;
        backend.commit();
        await subject.settle(backend, clock);
      }
      assert.ok(steps >= 10);
      assert.deepEqual(
        seen,
        [...new Set(seen)].sort((a, b) => a - b),
        "in order, each once",
      );
      assert.deepEqual(seen.filter(kept), Array.from({ length: 3100 }, (_, i) => i).filter(kept));
    },
  );

  contract("keys of any length that bbolt has and an empty value can be stored", async (backend, clock) => {
    const keys = [1, 2, 1000, 1024, 1025, 5000, 32_768].map((length) => new Uint8Array(length).fill(7));
    for (const key of keys) backend.put("authUsers", key, bytes(`${key.length}`));
    backend.put("alarm", bytes("k"), new Uint8Array(0));
    backend.commit();
    await subject.settle(backend, clock);
    for (const key of keys) assert.equal(string(backend.get("authUsers", key)), `${key.length}`);
    assert.deepEqual(
      backend.entries("authUsers").map(([key]) => key.length),
      keys.map((key) => key.length),
    );
    assert.deepEqual(
      entriesVisited(backend, "authUsers", 1)
        .map(([key]) => key.length)
        .sort((a, b) => a - b),
      keys.map((key) => key.length),
    );
    assert.equal(backend.get("alarm", bytes("k"))?.length, 0);
  });

  contract("records of any size come back as they were", async (backend, clock) => {
    const sizes = [0, 1, 3, 4, 300, 1340, 1341, 2000, 4000, 4096, 5000, 70_000, 1_600_000];
    const record = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 255);
    sizes.forEach((size, i) => {
      backend.putRevision(i + 2, 0, false, record(size));
    });
    backend.commit();
    await subject.settle(backend, clock);
    sizes.forEach((size, i) => {
      const found = backend.getRevision(i + 2, 0);
      assert.ok(found !== undefined && Buffer.compare(found, record(size)) === 0, `size ${size}`);
    });
    const seen: number[] = [];
    backend.scanRevisions(0, 1000).visit(1000, (_main, _sub, _tombstone, content, start, end) => {
      assert.equal(Buffer.compare(content.subarray(start, end), record(end - start)), 0);
      seen.push(end - start);
    });
    assert.deepEqual(seen, sizes);
  });

  contract("a crash leaves the last durable commit, whole, with its index", async (backend, clock) => {
    backend.setConsistentIndex(7, 2);
    backend.putRevision(2, 0, false, bytes("a"));
    backend.put("meta", bytes("k"), bytes("v"));
    backend.entryApplied();
    backend.commit();
    await subject.settle(backend, clock);
    backend.setConsistentIndex(8, 3);
    backend.putRevision(3, 0, false, bytes("b"));
    backend.delete("meta", bytes("k"));
    backend.entryApplied();
    const again = await subject.crash(backend);
    assert.equal(again.consistentIndex, 7);
    assert.equal(again.consistentTerm, 2);
    assert.deepEqual(scanned(again), ["2.0=a"]);
    assert.equal(string(again.get("meta", bytes("k"))), "v");
    again.setConsistentIndex(8, 3);
    again.putRevision(3, 0, false, bytes("b"));
    again.entryApplied();
    assert.deepEqual(scanned(again), ["2.0=a", "3.0=b"]);
    await again.close();
  });

  contract("an interval that ends inside an entry commits after the entry", async (backend, clock) => {
    backend.setConsistentIndex(1, 1);
    backend.putRevision(2, 0, false, bytes("a"));
    backend.entryApplied();
    backend.setConsistentIndex(2, 1);
    backend.putRevision(3, 0, false, bytes("b"));
    clock.advance(1000);
    await subject.settle(backend, clock);
    const half = await subject.crash(backend);
    assert.equal(half.consistentIndex, 0, "nothing may be in the file yet");
    half.setConsistentIndex(1, 1);
    half.putRevision(2, 0, false, bytes("a"));
    half.entryApplied();
    half.setConsistentIndex(2, 1);
    half.putRevision(3, 0, false, bytes("b"));
    clock.advance(1000);
    half.entryApplied();
    await subject.settle(half, clock);
    const whole = await subject.crash(half);
    assert.equal(whole.consistentIndex, 2);
    assert.deepEqual(scanned(whole), ["2.0=a", "3.0=b"]);
    await whole.close();
  });

  contract(
    "an entry that takes several turns is committed as a whole, whoever asks",
    async (backend, clock) => {
      backend.setConsistentIndex(1, 1);
      backend.putRevision(2, 0, false, bytes("a"));
      backend.entryApplied();
      backend.setConsistentIndex(2, 1);
      backend.putRevision(3, 0, false, bytes("b"));
      backend.entryPaused();
      backend.commit();
      clock.advance(1000);
      await turn();
      backend.putRevision(3, 1, false, bytes("c"));
      backend.commit();
      const half = await subject.crash(backend);
      assert.equal(half.consistentIndex, 0, "nothing may be in the file yet");
      assert.deepEqual(scanned(half), []);
      half.setConsistentIndex(2, 1);
      half.putRevision(3, 0, false, bytes("b"));
      half.entryPaused();
      half.commit();
      half.putRevision(3, 1, false, bytes("c"));
      assert.deepEqual(scanned(half), ["3.0=b", "3.1=c"]);
      const flushed = half.flushed();
      half.entryApplied();
      await subject.settle(half, clock);
      await flushed;
      const whole = await subject.crash(half);
      assert.equal(whole.consistentIndex, 2);
      assert.deepEqual(scanned(whole), ["3.0=b", "3.1=c"]);
      whole.setConsistentIndex(3, 1);
      whole.putRevision(4, 0, false, bytes("d"));
      whole.entryPaused();
      whole.commit();
      await whole.close();
    },
  );

  contract("the interval commits when no entry is under way", async (backend, clock) => {
    backend.setConsistentIndex(5, 1);
    backend.putRevision(2, 0, false, bytes("a"));
    backend.entryApplied();
    clock.advance(1000);
    await subject.settle(backend, clock);
    const again = await subject.crash(backend);
    assert.equal(again.consistentIndex, 5);
    assert.deepEqual(scanned(again), ["2.0=a"]);
    await again.close();
  });

  contract("the 10,000th write makes the next end of an entry commit", async (backend, clock) => {
    for (let i = 0; i < 10_000; i++) {
      backend.setConsistentIndex(i + 1, 1);
      backend.putRevision(i + 2, 0, false, bytes("a"));
      backend.entryApplied();
    }
    await subject.settle(backend, clock);
    const again = await subject.crash(backend);
    assert.equal(again.consistentIndex, 10_000);
    assert.deepEqual(again.lastRevision(), { main: 10_001, sub: 0 });
    await again.close();
  });

  contract("a scan goes on over commits without skipping or repeating a record", async (backend, clock) => {
    for (let main = 2; main < 102; main++) backend.putRevision(main, 0, false, bytes(`${main}`));
    backend.commit();
    await subject.settle(backend, clock);
    for (let main = 102; main < 202; main++) backend.putRevision(main, 0, false, bytes(`${main}`));
    const scan = backend.scanRevisions(10, 190);
    const seen: number[] = [];
    for (let step = 0; ; step++) {
      const { value, done } = scan.next();
      if (done === true) break;
      assert.equal(string(value.record), `${value.main}`);
      seen.push(value.main);
      if (step % 10 === 0) {
        backend.commit();
        await subject.settle(backend, clock);
      } else if (step % 10 === 3) {
        backend.commit();
      } else if (step % 10 === 5) {
        backend.putRevision(300 + step, 0, false, bytes("new"));
      }
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 181 }, (_, i) => i + 10),
    );
  });

  contract("a scan ends where a visitor says, and goes on from there", async (backend, clock) => {
    for (let main = 2; main < 52; main++) backend.putRevision(main, 0, false, bytes(`${main}`));
    backend.commit();
    await subject.settle(backend, clock);
    for (let main = 52; main < 102; main++) backend.putRevision(main, 0, false, bytes(`${main}`));
    const scan = backend.scanRevisions(0, 2000);
    const seen: number[] = [];
    for (const end of [2, 30, 51, 52, 70, 2000]) {
      scan.toMain = 2000;
      const before = seen.length;
      const visited = scan.visit(1000, (main) => {
        seen.push(main);
        if (main === end) scan.toMain = main;
      });
      assert.equal(visited, seen.length - before);
      assert.equal(seen.at(-1), Math.min(end, 101));
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 100 }, (_, i) => i + 2),
    );
  });

  contract("a visit of some records ends by their number or by their bytes", async (backend, clock) => {
    const large = new Uint8Array(SOME_BYTES / 4);
    for (let main = 2; main < 12; main++) backend.putRevision(main, 0, false, large);
    for (let main = 12; main < 22; main++) backend.putRevision(main, 0, false, bytes(`${main}`));
    backend.commit();
    await subject.settle(backend, clock);
    for (let main = 22; main < 32; main++) backend.putRevision(main, 0, false, large);
    const scan = backend.scanRevisions(0, 31);
    const steps: number[] = [];
    let next = 2;
    for (let goesOn = true; goesOn; ) {
      const before = next;
      goesOn = scan.visitSome(7, (main) => assert.equal(main, next++));
      steps.push(next - before);
    }
    assert.deepEqual(steps, [4, 4, 7, 7, 4, 4, 0]);
    const huge = backend.scanRevisions(40, 40);
    backend.putRevision(40, 0, false, new Uint8Array(2 * SOME_BYTES));
    let visited = 0;
    assert.equal(
      huge.visitSome(7, () => visited++),
      true,
    );
    assert.equal(
      huge.visitSome(7, () => visited++),
      false,
    );
    assert.equal(visited, 1);
  });

  contract("a scan can be visited in slices", async (backend, clock) => {
    for (let main = 2; main < 1002; main++) backend.putRevision(main, 0, main % 3 === 0, bytes(`${main}`));
    backend.commit();
    await subject.settle(backend, clock);
    for (let main = 1002; main < 1102; main++) backend.putRevision(main, 0, false, bytes(`${main}`));
    const scan = backend.scanRevisions(0, 2000);
    let next = 2;
    const slices: number[] = [];
    for (;;) {
      const visited = scan.visit(300, (main, sub, tombstone, content, start, end) => {
        assert.equal(main, next++);
        assert.equal(sub, 0);
        assert.equal(tombstone, main < 1002 && main % 3 === 0);
        assert.equal(string(content.subarray(start, end)), `${main}`);
      });
      slices.push(visited);
      if (visited < 300) break;
    }
    assert.deepEqual(slices, [300, 300, 300, 200]);
    assert.equal(
      scan.visit(10, () => assert.fail("at its end")),
      0,
    );
  });

  contract("defragmenting keeps the content and gives space back", async (backend, clock) => {
    const record = new Uint8Array(1000).fill(1);
    for (let main = 2; main < 2002; main++) backend.putRevision(main, 0, false, record);
    backend.put(table, bytes("k"), bytes("v"));
    backend.setConsistentIndex(99, 4);
    backend.commit();
    await subject.settle(backend, clock);
    for (let main = 2; main < 1900; main++) backend.deleteRevision(main, 0, false);
    backend.commit();
    await subject.settle(backend, clock);
    const before = backend.sizeBytes;
    assert.ok(backend.sizeInUseBytes < before / 2);
    const content = scanned(backend);
    await backend.defragment();
    assert.ok(backend.sizeBytes < before / 2, `${backend.sizeBytes} of ${before}`);
    assert.deepEqual(scanned(backend), content);
    assert.equal(string(backend.get(table, bytes("k"))), "v");
    const again = await subject.crash(backend);
    assert.deepEqual(scanned(again), content);
    assert.equal(again.consistentIndex, 99);
    await again.close();
  });

  contract("an export has what was written before it, in whatever form", async (backend, clock) => {
    backend.putRevision(2, 0, false, bytes("a"));
    backend.putRevision(2, 1, true, bytes("gone"));
    backend.putRevision(3, 0, false, new Uint8Array(0));
    backend.putRevision(4, 0, false, new Uint8Array(70_000).fill(4));
    const keys = [1, 1000, 1024, 1025, 5000].map((length) => new Uint8Array(length).fill(length));
    for (const key of keys) backend.put("authUsers", key, bytes(`${key.length}`));
    backend.commit();
    await subject.settle(backend, clock);
    backend.putRevision(5, 0, false, bytes("pending"));
    backend.deleteRevision(2, 0, false);
    backend.delete("authUsers", keys[1]!);
    backend.put("meta", bytes("confState"), bytes("{}"));
    backend.setConsistentIndex(7, 2);
    backend.entryApplied();
    const { file, index, term } = await exported(backend);
    assert.deepEqual([index, term], [7, 2]);
    const copy = await subject.importBeside(backend, file, clock);
    try {
      assert.deepEqual([copy.consistentIndex, copy.consistentTerm], [7, 2]);
      assert.deepEqual(scanned(copy), scanned(backend));
      assert.equal(scanned(copy).length, 4);
      assert.deepEqual(copy.entries("authUsers"), backend.entries("authUsers"));
      assert.equal(copy.entries("authUsers").length, 4);
      assert.equal(string(copy.get("meta", bytes("confState"))), "{}");
      // The same content is the same file.
      assert.equal(Buffer.compare((await exported(copy)).file, file), 0);
    } finally {
      await copy.close();
    }
  });

  contract("an export of nothing can be imported", async (backend, clock) => {
    const { file, index } = await exported(backend);
    assert.equal(index, 0);
    const copy = await subject.importBeside(backend, file, clock);
    assert.equal(copy.lastRevision(), undefined);
    assert.equal(copy.consistentIndex, 0);
    await copy.close();
  });

  for (const after of ["is left by a crash", "is written to"])
    contract(`a backend that becomes another one ${after}`, async (backend, clock) => {
      const write = (from: number, to: number, value: string) => {
        for (let main = from; main <= to; main++) {
          backend.setConsistentIndex(main + 5, 3);
          backend.putRevision(main, 0, false, bytes(value));
          backend.entryApplied();
        }
      };
      write(2, 500, "first");
      backend.put(table, bytes("shared"), bytes("first"));
      const { file } = await exported(backend);
      write(501, 600, "dropped");
      backend.put(table, bytes("shared"), bytes("dropped"));
      backend.commit();
      write(601, 700, "dropped, pending");
      backend.put(table, bytes("own"), bytes("dropped, pending"));
      backend.deleteRevision(400, 0, false);
      const other = await subject.importBeside(backend, file, clock);
      const scan = backend.scanRevisions(0, 1000);
      for (let i = 0; i < 100; i++) scan.next();
      const heard: number[] = [];
      backend.onCommitEnd(() => heard.push(backend.backlogBytes));
      const replaced = backend.become(other);
      clock.advance(1000);
      await replaced;
      assert.equal(heard.at(-1), 0, "what was pending is dropped");
      assert.deepEqual([backend.consistentIndex, backend.consistentTerm], [505, 3]);
      assert.deepEqual(backend.lastRevision(), { main: 500, sub: 0 });
      assert.equal([...scan].length, 399, "a scan goes on in the new content");
      assert.equal(scanned(backend).length, 499);
      assert.equal(string(backend.getRevision(400, 0)), "first");
      assert.equal(backend.getRevision(550, 0), undefined);
      assert.deepEqual(
        backend.entries(table).map(([key, value]) => [string(key), string(value)]),
        [["shared", "first"]],
      );
      if (after === "is written to") write(501, 510, "after");
      backend.commit();
      await subject.settle(backend, clock);
      const left = await subject.crash(backend);
      const written = after === "is written to" ? 10 : 0;
      assert.equal(left.consistentIndex, 505 + written);
      assert.equal(scanned(left).length, 499 + written);
      assert.equal(string(left.getRevision(501, 0)), written > 0 ? "after" : undefined);
      await left.close();
      await other.close();
    });

  contract(
    "what was asked to be durable is awaited, and nothing that was written since",
    async (backend, clock) => {
      const commits = subject.holdCommits(clock);
      try {
        const durable: string[] = [];
        const whenFlushed = (name: string) => void backend.flushed().then(() => durable.push(name));
        putEntry(backend, 1);
        backend.commit();
        whenFlushed("the commit under way");
        backend.commit();
        whenFlushed("nothing new");
        putEntry(backend, 2);
        backend.commit();
        whenFlushed("the next commit");
        await turn();
        assert.deepEqual(durable, []);
        await commits.endOne();
        putEntry(backend, 3);
        backend.commit();
        await turn();
        assert.deepEqual(durable, ["the commit under way", "nothing new"]);
        await commits.endOne();
        putEntry(backend, 4);
        backend.commit();
        await turn();
        assert.deepEqual(durable, ["the commit under way", "nothing new", "the next commit"]);
      } finally {
        commits.release();
      }
    },
  );

  contract("the backlog is what was written and is not durable yet", async (backend, clock) => {
    const commits = subject.holdCommits(clock);
    const heard: number[] = [];
    backend.onCommitEnd(() => heard.push(backend.backlogBytes));
    try {
      assert.equal(backend.backlogBytes, 0);
      const first = revisionWriteBytes(1000) + entryWriteBytes(bytes("lease"), bytes("value"));
      backend.setConsistentIndex(1, 1);
      backend.putRevision(2, 0, false, new Uint8Array(1000));
      backend.put("lease", bytes("lease"), bytes("value"));
      backend.entryApplied();
      assert.equal(backend.backlogBytes, first);
      backend.commit();
      assert.equal(backend.backlogBytes, first, "being committed");
      const second = revisionWriteBytes(0) + entryWriteBytes(bytes("lease"), undefined);
      backend.setConsistentIndex(2, 1);
      backend.deleteRevision(2, 0, false);
      backend.delete("lease", bytes("lease"));
      backend.entryApplied();
      assert.equal(backend.backlogBytes, first + second);
      backend.commit();
      await commits.endOne();
      assert.equal(backend.backlogBytes, second);
      const third = revisionWriteBytes(7);
      putEntry(backend, 3, new Uint8Array(7));
      assert.equal(backend.backlogBytes, second + third);
      await commits.endOne();
      assert.equal(backend.backlogBytes, third);
      backend.commit();
      await commits.endOne();
      assert.equal(backend.backlogBytes, 0);
      assert.deepEqual(heard, [second, third, 0]);
    } finally {
      commits.release();
    }
  });

  contract("closing keeps everything, and twice is once", async (backend) => {
    backend.setConsistentIndex(3, 1);
    backend.putRevision(2, 0, false, bytes("a"));
    backend.entryApplied();
    await backend.close();
    await backend.close();
    const again = await subject.crash(backend);
    assert.deepEqual(scanned(again), ["2.0=a"]);
    assert.equal(again.consistentIndex, 3);
    await again.close();
  });
}

function entriesVisited(
  backend: Backend,
  table: Table,
  limit: number,
): [key: Uint8Array, value: Uint8Array][] {
  const entries: [Uint8Array, Uint8Array][] = [];
  let from: Uint8Array | undefined = new Uint8Array(0);
  while (from !== undefined) {
    from = backend.visitEntries(table, from, limit, (key, value) => entries.push([key, value]));
  }
  return entries;
}
