import { decodeKeyValue } from "@quorate/wire/hot";
import type { Backend } from "../seams/backend.ts";
import type { Clock } from "../seams/clock.ts";
import { readCompactRevisions } from "./compaction.ts";
import { KeyIndex } from "./index/key-index.ts";
import { createMain, keyEnd, keyStart, leased, readHeader, recordKey, version } from "./record.ts";
import { Slicer } from "./slicer.ts";

const STEP = 512;
const LONGEST_COPIED_KEY = 128;

export interface Restored {
  readonly index: KeyIndex;
  readonly currentRevision: number;
  readonly compactRevision: number;
  /** A compaction that was decided but not finished, and the compacted revision before it. */
  readonly unfinished: { readonly revision: number; readonly previousRevision: number } | undefined;
}

/**
 * Rebuilds the state from the tables, in slices. `onLease` is told the lease of every live key that names one, at the
 * end; the key is borrowed until it returns.
 */
export async function restoreState(
  backend: Backend,
  clock: Clock,
  seeds: readonly [number, number],
  onLease?: (key: Uint8Array, lease: bigint) => void,
): Promise<Restored> {
  const { scheduled, finished } = readCompactRevisions({ backend });
  const index = new KeyIndex(seeds[0], seeds[1]);
  const leases = new Map<number, bigint>();
  const keys = new KeyCopies();
  let lastMain = 1;
  const visit = (
    main: number,
    sub: number,
    tombstone: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void => {
    lastMain = main;
    if (tombstone) {
      const id = index.restoreTombstone(recordKey(bytes, start, end), main, sub);
      if (leases.size > 0) leases.delete(id);
      return;
    }
    // A record in another form than ours (empty, made by a restore with a revision bump) is decoded in full.
    if (!readHeader(bytes, start, end) || leased) {
      const kv = decodeKeyValue(bytes.subarray(start, end));
      const id = index.restorePut(kv.key, main, sub, kv.createRevision, kv.version, kv.lease !== 0n);
      if (kv.lease !== 0n) leases.set(id, kv.lease);
      else leases.delete(id);
      return;
    }
    const key = keys.copy(bytes, keyStart, keyEnd);
    const id = index.restorePut(key, main, sub, createMain, version, false);
    if (leases.size > 0) leases.delete(id);
  };
  const slicer = new Slicer(clock);
  const scan = backend.scanRevisions(0, Number.MAX_SAFE_INTEGER);
  while (scan.visit(STEP, visit) === STEP) if (slicer.due()) await slicer.pause();
  for (const _ of index.finishRestore()) if (slicer.due()) await slicer.pause();
  if (onLease !== undefined) {
    for (const [id, lease] of leases) onLease(index.entries.borrowKey(id), lease);
  }
  // Not below a compaction's revision: the newest change may have been a tombstone that is gone from the table already.
  const currentRevision = Math.max(lastMain, finished, scheduled);
  const unfinished = scheduled > finished ? { revision: scheduled, previousRevision: finished } : undefined;
  return { index, currentRevision, compactRevision: unfinished?.revision ?? finished, unfinished };
}

/** Most keys are short and of few lengths: one array for each length saves a view for every record. */
class KeyCopies {
  readonly #byLength: (Uint8Array | undefined)[] = [];

  /** Borrowed until the next call. */
  copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const length = end - start;
    if (length > LONGEST_COPIED_KEY) return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
    let key = this.#byLength[length];
    if (key === undefined) {
      key = new Uint8Array(length);
      this.#byLength[length] = key;
    }
    for (let i = 0; i < length; i++) key[i] = bytes[start + i]!;
    return key;
  }
}
