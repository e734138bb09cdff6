import type { Revision, RevisionScan } from "@quorate/storage/seams/backend";
import type { Change, HistoryScan, RecordCopies } from "../keys/change.ts";
import { endOf, rangeContains } from "../keys/key-range.ts";
import { recordKey } from "./record.ts";
import { RecordBlocks } from "./record-blocks.ts";
import type { StoreState } from "./store-state.ts";

/** In a range with at most this many keys, the index is asked for their revisions in place of reading all records. */
const FEW_KEYS = 64;
/** As many records are read faster than anything else. */
const FEW_RECORDS = 64;
/** Of each key in a range, so many revisions are listed at a time. */
const REVISIONS_PER_KEY = 16;
/** How many are still to come is not known when one is copied. */
const RECORDS_TO_COME = 16;
/** A step looks at so many times as much as it was asked for to finish a revision. */
const STRETCH = 4;

/** See `MvccStore.openHistory`. */
export function openHistory(
  state: StoreState,
  key: Uint8Array,
  rangeEnd: Uint8Array,
  fromMain: Revision,
  toMain: Revision,
): HistoryScan {
  const end = endOf(rangeEnd);
  const hasFewKeys = rangeEnd.length === 0 || state.index.hasFewEntries(key, end, FEW_KEYS);
  if (!hasFewKeys) return new TableHistory(state, key, rangeEnd, fromMain, toMain);
  if (toMain - fromMain > FEW_RECORDS) return new IndexHistory(state, key, rangeEnd, fromMain, toMain);
  return new ShortHistory(state, key, rangeEnd, fromMain, toMain);
}

/** Reads all records of a few revisions, until one proves to have so many that it is better to ask the index. */
class ShortHistory implements HistoryScan {
  readonly #state: StoreState;
  readonly #key: Uint8Array;
  readonly #rangeEnd: Uint8Array;
  readonly #toMain: Revision;
  #scan: TableHistory | IndexHistory;

  constructor(
    state: StoreState,
    key: Uint8Array,
    rangeEnd: Uint8Array,
    fromMain: Revision,
    toMain: Revision,
  ) {
    this.#state = state;
    this.#key = key;
    this.#rangeEnd = rangeEnd;
    this.#toMain = toMain;
    this.#scan = new TableHistory(state, key, rangeEnd, fromMain, toMain);
  }

  get position(): number {
    return this.#scan.position;
  }

  advance(maxRecords: number, maxBytes: number, into: Change[], copies?: RecordCopies): void {
    const scan = this.#scan;
    scan.advance(maxRecords, maxBytes, into, copies);
    if (scan instanceof IndexHistory || !scan.isInside) return;
    const from = scan.position + 1;
    this.#scan = new IndexHistory(this.#state, this.#key, this.#rangeEnd, from, this.#toMain, scan.lastSub);
  }

  close(): void {
    this.#scan.close();
  }
}

/** Reads every record and picks. */
class TableHistory implements HistoryScan {
  position: number;
  readonly #key: Uint8Array;
  readonly #rangeEnd: Uint8Array;
  readonly #toMain: Revision;
  readonly #scan: RevisionScan;
  readonly #visit;
  #into: Change[] = [];
  #copies: RecordCopies = ownCopies();
  #recordsLeft = 0;
  #bytesLeft = 0;
  /** Negative: so much more is looked at to finish a revision. */
  #fewestRecords = 0;
  #fewestBytes = 0;
  #lastMain = -1;
  lastSub = -1;
  /** The last step has stopped inside a revision, behind `lastSub`. */
  isInside = false;

  constructor(
    state: StoreState,
    key: Uint8Array,
    rangeEnd: Uint8Array,
    fromMain: Revision,
    toMain: Revision,
  ) {
    this.position = fromMain - 1;
    this.#key = key;
    this.#rangeEnd = rangeEnd;
    this.#toMain = toMain;
    this.#scan = state.backend.scanRevisions(fromMain, toMain);
    this.#visit = (
      main: Revision,
      sub: number,
      tombstone: boolean,
      bytes: Uint8Array,
      start: number,
      end: number,
    ): void => this.#look(main, sub, tombstone, bytes, start, end);
  }

  advance(maxRecords: number, maxBytes: number, into: Change[], copies: RecordCopies = ownCopies()): void {
    const scan = this.#scan;
    this.#into = into;
    this.#copies = copies;
    this.#recordsLeft = maxRecords;
    this.#bytesLeft = maxBytes;
    this.#fewestRecords = maxRecords - STRETCH * maxRecords;
    this.#fewestBytes = maxBytes - STRETCH * maxBytes;
    this.isInside = false;
    scan.toMain = this.#toMain;
    scan.visit(Number.MAX_SAFE_INTEGER, this.#visit);
    this.position = scan.toMain;
  }

  close(): void {
    this.#into = [];
  }

  #look(main: Revision, sub: number, deleted: boolean, bytes: Uint8Array, start: number, end: number): void {
    this.#recordsLeft -= 1;
    this.#bytesLeft -= end - start;
    // The step ends with this revision: the record behind it, which may be large, is not even read.
    if (this.#recordsLeft <= 0 || this.#bytesLeft <= 0) this.#scan.toMain = main;
    // Or inside. Most revisions have one record, and a step that ended behind it would not know that it has no more.
    const isLong = this.#recordsLeft <= this.#fewestRecords || this.#bytesLeft <= this.#fewestBytes;
    if (isLong && main === this.#lastMain) {
      this.#scan.toMain = main - 1;
      this.isInside = true;
    }
    this.#lastMain = main;
    this.lastSub = sub;
    if (!rangeContains(this.#key, this.#rangeEnd, recordKey(bytes, start, end))) return;
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    const record = this.#copies.copy(view);
    this.#into.push({ key: recordKey(record), main, sub, deleted, record });
  }
}

function ownCopies(): RecordCopies {
  const blocks = new RecordBlocks();
  return { copy: (record) => blocks.copy(record, RECORDS_TO_COME) };
}

interface ListedRevision {
  readonly main: Revision;
  readonly sub: number;
  readonly tombstone: boolean;
}

/** Asks the index for the revisions of a few keys. */
class IndexHistory implements HistoryScan {
  position: number;
  readonly #state: StoreState;
  readonly #key: Uint8Array;
  readonly #rangeEnd: Uint8Array;
  readonly #toMain: Revision;
  /** What comes after `position`, in order, up to and with `#listedTo`; read from `#next` on. */
  #listed: ListedRevision[] = [];
  #next = 0;
  #listedTo: number;
  readonly #fromMain: Revision;
  readonly #afterSub: number;

  /** Of revision `fromMain`, what comes after `afterSub`. */
  constructor(
    state: StoreState,
    key: Uint8Array,
    rangeEnd: Uint8Array,
    fromMain: Revision,
    toMain: Revision,
    afterSub = -1,
  ) {
    this.position = fromMain - 1;
    this.#state = state;
    this.#key = key;
    this.#rangeEnd = rangeEnd;
    this.#toMain = toMain;
    this.#listedTo = this.position;
    this.#fromMain = fromMain;
    this.#afterSub = afterSub;
  }

  advance(maxRecords: number, maxBytes: number, into: Change[], copies: RecordCopies = ownCopies()): void {
    if (this.#listedTo === this.position) this.#list(maxRecords);
    const { backend } = this.#state;
    const listed = this.#listed;
    let recordsLeft = maxRecords;
    let bytesLeft = maxBytes;
    let last = -1;
    for (; this.#next < listed.length; this.#next++) {
      const { main, sub, tombstone } = listed[this.#next]!;
      if (main !== last && (recordsLeft <= 0 || bytesLeft <= 0)) {
        this.position = last;
        return;
      }
      if (recordsLeft <= (1 - STRETCH) * maxRecords || bytesLeft <= (1 - STRETCH) * maxBytes) {
        this.position = main - 1;
        return;
      }
      last = main;
      const stored = tombstone ? backend.getTombstone(main, sub) : backend.getRevision(main, sub);
      // Compacted meanwhile: see the contract.
      if (stored === undefined) continue;
      const record = copies.copy(stored);
      into.push({ key: recordKey(record), main, sub, deleted: tombstone, record });
      recordsLeft -= 1;
      bytesLeft -= record.length;
    }
    this.position = this.#listedTo;
  }

  close(): void {
    this.#listed = [];
  }

  /** Lists what comes next, about as many revisions as one step may read. */
  #list(maxRecords: number): void {
    const { index } = this.#state;
    const from = this.position + 1;
    const isKey = this.#rangeEnd.length === 0;
    const perKey = isKey ? maxRecords : Math.min(maxRecords, REVISIONS_PER_KEY);
    const revisions: ListedRevision[] = [];
    // The revision up to which all keys have told everything.
    let complete = this.#toMain;
    const ask = (id: number): void => {
      let last = -1;
      let taken = 0;
      index.visitRevisionsFrom(id, from, (main, sub, tombstone) => {
        if (main > complete) return false;
        if (taken >= perKey && main !== last) {
          complete = last;
          return false;
        }
        revisions.push({ main, sub, tombstone });
        last = main;
        taken += 1;
        return true;
      });
    };
    if (isKey) {
      const id = index.find(this.#key);
      if (id >= 0) ask(id);
    } else {
      const walk = index.walk(this.#key, endOf(this.#rangeEnd));
      for (; walk.leaf !== undefined; walk.next()) ask(walk.id());
    }
    this.#listed = revisions
      .filter(({ main, sub }) => main <= complete && (main > this.#fromMain || sub > this.#afterSub))
      .sort((a, b) => a.main - b.main || a.sub - b.sub);
    this.#next = 0;
    this.#listedTo = complete;
  }
}
