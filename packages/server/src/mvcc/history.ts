import type { RevisionScan } from "../seams/backend.ts";
import type { Change } from "./change.ts";
import { isFromKey, rangeContains } from "./key-range.ts";
import { recordKey } from "./record.ts";
import { RecordBlocks } from "./record-blocks.ts";
import type { StoreState } from "./store-state.ts";

/** A pass over the history of a key or range, a slice at a time. */
export interface HistoryScan {
  /**
   * The last main revision of which every matching change has been returned; starts at `fromMain - 1`. The pass is
   * over when it has reached `toMain`.
   */
  readonly position: number;
  /**
   * Looks at about `maxRecords` more records of the store (whole revisions: it may look at more to finish one) and
   * appends the matching changes to `into` in (main, sub) order. Raises `position` by at least one.
   */
  advance(maxRecords: number, into: Change[]): void;
  /** Releases what the pass holds. Idempotent. */
  close(): void;
}

/** In a range with at most this many keys, the index is asked for their revisions in place of reading all records. */
const FEW_KEYS = 64;
/** As many records are read faster than anything else. */
const FEW_RECORDS = 64;

/** See `MvccStore.openHistory`. */
export function openHistory(
  state: StoreState,
  key: Uint8Array,
  rangeEnd: Uint8Array,
  fromMain: number,
  toMain: number,
): HistoryScan {
  const end = isFromKey(rangeEnd) ? undefined : rangeEnd;
  const hasFewKeys = rangeEnd.length === 0 || state.index.hasFewEntries(key, end, FEW_KEYS);
  if (toMain - fromMain > FEW_RECORDS && hasFewKeys) {
    return new IndexHistory(state, key, rangeEnd, fromMain, toMain);
  }
  return new TableHistory(state, key, rangeEnd, fromMain, toMain);
}

/** Reads every record and picks. */
class TableHistory implements HistoryScan {
  position: number;
  readonly #key: Uint8Array;
  readonly #rangeEnd: Uint8Array;
  readonly #toMain: number;
  readonly #scan: RevisionScan;
  readonly #visit;
  #into: Change[] = [];
  #blocks = new RecordBlocks();
  /** The main revision of the record seen last: not all of its changes may have been returned. */
  #seenMain = -1;
  /** A change read beyond the end of the revision that a step had to finish. */
  #held: Change | undefined;
  #holdFrom = Number.POSITIVE_INFINITY;

  constructor(state: StoreState, key: Uint8Array, rangeEnd: Uint8Array, fromMain: number, toMain: number) {
    this.position = fromMain - 1;
    this.#key = key;
    this.#rangeEnd = rangeEnd;
    this.#toMain = toMain;
    this.#scan = state.backend.scanRevisions(fromMain, toMain);
    this.#visit = (
      main: number,
      sub: number,
      tombstone: boolean,
      bytes: Uint8Array,
      start: number,
      end: number,
    ): void => this.#look(main, sub, tombstone, bytes, start, end);
  }

  advance(maxRecords: number, into: Change[]): void {
    this.#into = into;
    this.#blocks = new RecordBlocks();
    if (this.#held !== undefined) into.push(this.#held);
    this.#held = undefined;
    this.#holdFrom = Number.POSITIVE_INFINITY;
    if (this.#scan.visit(maxRecords, this.#visit) < maxRecords) {
      this.position = this.#toMain;
      return;
    }
    const last = this.#seenMain;
    this.#holdFrom = last + 1;
    while (this.#seenMain === last) {
      if (this.#scan.visit(1, this.#visit) === 0) {
        this.position = this.#toMain;
        return;
      }
    }
    this.position = this.#seenMain - 1;
  }

  close(): void {
    this.#into = [];
    this.#held = undefined;
  }

  #look(main: number, sub: number, deleted: boolean, bytes: Uint8Array, start: number, end: number): void {
    this.#seenMain = main;
    if (!rangeContains(this.#key, this.#rangeEnd, recordKey(bytes, start, end))) return;
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    const record = this.#blocks.copy(view, 16);
    const change: Change = { key: recordKey(record), main, sub, deleted, record };
    if (main >= this.#holdFrom) this.#held = change;
    else this.#into.push(change);
  }
}

/** Asks the index for the revisions of a few keys. */
class IndexHistory implements HistoryScan {
  position: number;
  readonly #state: StoreState;
  readonly #key: Uint8Array;
  readonly #rangeEnd: Uint8Array;
  readonly #toMain: number;

  constructor(state: StoreState, key: Uint8Array, rangeEnd: Uint8Array, fromMain: number, toMain: number) {
    this.position = fromMain - 1;
    this.#state = state;
    this.#key = key;
    this.#rangeEnd = rangeEnd;
    this.#toMain = toMain;
  }

  advance(maxRecords: number, into: Change[]): void {
    const { index } = this.#state;
    const from = this.position + 1;
    const revisions: { main: number; sub: number; tombstone: boolean }[] = [];
    // The revision up to which all keys have told everything.
    let complete = this.#toMain;
    const ask = (id: number): void => {
      let last = -1;
      let taken = 0;
      index.visitRevisionsFrom(id, from, (main, sub, tombstone) => {
        if (main > complete) return false;
        if (taken >= maxRecords && main !== last) {
          complete = last;
          return false;
        }
        revisions.push({ main, sub, tombstone });
        last = main;
        taken += 1;
        return true;
      });
    };
    if (this.#rangeEnd.length === 0) {
      const id = index.find(this.#key);
      if (id >= 0) ask(id);
    } else {
      const walk = index.walk(this.#key, isFromKey(this.#rangeEnd) ? undefined : this.#rangeEnd);
      for (; walk.leaf !== undefined; walk.next()) ask(walk.id());
    }
    revisions.sort((a, b) => a.main - b.main || a.sub - b.sub);
    const { backend } = this.#state;
    const blocks = new RecordBlocks();
    for (const { main, sub, tombstone } of revisions) {
      if (main > complete) break;
      const stored = tombstone ? backend.getTombstone(main, sub) : backend.getRevision(main, sub);
      // Compacted meanwhile: see the contract.
      if (stored === undefined) continue;
      const record = blocks.copy(stored, 16);
      into.push({ key: recordKey(record), main, sub, deleted: tombstone, record });
    }
    this.position = complete;
  }

  close(): void {}
}
