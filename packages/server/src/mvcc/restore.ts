import type { Backend, Revision } from "@quorate/storage/seams/backend";
import { costOf, type Slices } from "@quorate/storage/slices";
import { decodeKeyValue } from "@quorate/wire/hot";
import { readCompactRevisions } from "./compaction.ts";
import { KeyIndex } from "./index/key-index.ts";
import { createMain, keyEnd, keyStart, leased, readHeader, recordKey, version } from "./record.ts";

const STEP = 512;
/** Keys between two yields of the index that orders them, in the fastest of its loops. */
const INDEX_STEP = 4096;
/** Records on their way into the index together. */
const BATCH = 64;
/** Bytes that a loop copies faster than a call. */
const LONGEST_LOOP = 128;
/** Records after which the number of keys is guessed. */
const SAMPLE = 8192;

export interface Restored {
  readonly index: KeyIndex;
  readonly currentRevision: Revision;
  readonly compactRevision: Revision;
  /** A compaction that was decided but not finished, and the compacted revision before it. */
  readonly unfinished: { readonly revision: Revision; readonly previousRevision: Revision } | undefined;
}

/**
 * Rebuilds the state from the tables, in slices. `onLease` is told the lease of every live key that names one, at the
 * end; the key is borrowed until it returns.
 */
export async function restoreState(
  backend: Backend,
  slices: Slices,
  seeds: readonly [number, number],
  onLease?: (key: Uint8Array, lease: bigint) => void,
): Promise<Restored> {
  const { scheduled, finished } = readCompactRevisions({ backend });
  const index = new KeyIndex(seeds[0], seeds[1]);
  const leases = new Map<number, bigint>();
  const puts = new PutBatch(index, leases);
  let lastMain = 1;
  let visited = 0;
  /** Of what was visited since it was spent last. */
  let cost = 0;
  const visit = (
    main: Revision,
    sub: number,
    tombstone: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void => {
    lastMain = main;
    visited += 1;
    cost += costOf(1, end - start);
    if (tombstone) {
      puts.flush();
      const id = index.restoreTombstone(recordKey(bytes, start, end), main, sub);
      if (leases.size > 0) leases.delete(id);
      return;
    }
    // A record in another form than ours (empty, made by a restore with a revision bump) is decoded in full.
    if (!readHeader(bytes, start, end) || leased) {
      puts.flush();
      const kv = decodeKeyValue(bytes.subarray(start, end));
      const { key, lease } = kv;
      const hash = index.restoreHash(key);
      const id = index.restorePut(key, hash, main, sub, kv.createRevision, kv.version, lease !== 0n);
      if (lease !== 0n) leases.set(id, lease);
      else leases.delete(id);
      return;
    }
    puts.add(bytes, keyStart, keyEnd, main, sub, createMain, version);
  };
  const scan = backend.scanRevisions(0, Number.MAX_SAFE_INTEGER);
  let isExpected = false;
  while (scan.visitSome(STEP, visit)) {
    if (visited >= SAMPLE && !isExpected) {
      isExpected = true;
      index.expect(Math.round((index.entryCount / visited) * backend.revisionCount));
    }
    const isDue = slices.spend(cost);
    cost = 0;
    if (isDue) await slices.next();
  }
  puts.flush();
  for (const _ of index.finishRestore()) if (slices.spend(costOf(INDEX_STEP, 0))) await slices.next();
  if (onLease !== undefined) {
    for (const [id, lease] of leases) {
      onLease(index.entries.borrowKey(id), lease);
      if (slices.spend(costOf(1, 0))) await slices.next();
    }
  }
  // Not below a compaction's revision: the newest change may have been a tombstone that is gone from the table already.
  const currentRevision = Math.max(lastMain, finished, scheduled);
  const unfinished = scheduled > finished ? { revision: scheduled, previousRevision: finished } : undefined;
  return { index, currentRevision, compactRevision: unfinished?.revision ?? finished, unfinished };
}

/**
 * Puts without a lease on their way into the index. Where a key belongs there is anywhere in memory, so the places of
 * many are asked for before the first is used.
 */
class PutBatch {
  readonly #index: KeyIndex;
  /** Of the keys so far: these puts end theirs. */
  readonly #leases: Map<number, bigint>;
  #count = 0;
  readonly #keys: Uint8Array[] = [];
  readonly #hashes = new Int32Array(BATCH);
  readonly #mains = new Float64Array(BATCH);
  readonly #subs = new Float64Array(BATCH);
  readonly #createMains = new Float64Array(BATCH);
  readonly #versions = new Float64Array(BATCH);

  constructor(index: KeyIndex, leases: Map<number, bigint>) {
    this.#index = index;
    this.#leases = leases;
    for (let i = 0; i < BATCH; i++) this.#keys.push(new Uint8Array(0));
  }

  /** Copies the key. */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    main: Revision,
    sub: number,
    created: number,
    version: number,
  ): void {
    const i = this.#count++;
    const length = end - start;
    // Most keys have the same length as the one before, and a copy costs less than a view.
    let key = this.#keys[i]!;
    if (key.length !== length) {
      key = new Uint8Array(length);
      this.#keys[i] = key;
    }
    if (length > LONGEST_LOOP) key.set(bytes.subarray(start, end));
    else for (let at = 0; at < length; at++) key[at] = bytes[start + at]!;
    this.#hashes[i] = this.#index.restoreHash(key);
    this.#mains[i] = main;
    this.#subs[i] = sub;
    this.#createMains[i] = created;
    this.#versions[i] = version;
    if (this.#count === BATCH) this.flush();
  }

  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    this.#index.restoreAhead(this.#hashes, count);
    for (let i = 0; i < count; i++) {
      const id = this.#index.restorePut(
        this.#keys[i]!,
        this.#hashes[i]!,
        this.#mains[i]!,
        this.#subs[i]!,
        this.#createMains[i]!,
        this.#versions[i]!,
        false,
      );
      if (this.#leases.size > 0) this.#leases.delete(id);
    }
  }
}
