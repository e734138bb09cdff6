import type { RevisionScan, Table } from "../seams/backend.ts";
import type { DatabaseContent } from "./database-content.ts";
import type { LmdbReader } from "./lmdb-reader.ts";
import { LmdbScan } from "./lmdb-scan.ts";
import { FIRST_LONG_KEY, isLongKey } from "./table-entry.ts";

type Entry = readonly [key: Uint8Array, value: Uint8Array];

const STEP = 500;

/** The tables as one transaction left them. */
export class LmdbContent implements DatabaseContent {
  readonly revisions: RevisionScan;
  readonly #reader: LmdbReader;

  constructor(reader: LmdbReader) {
    this.#reader = reader;
    this.revisions = new LmdbScan({ reader, batches: [], stateNumber: 0 }, 0, Number.MAX_SAFE_INTEGER);
  }

  *entries(table: Table): Iterable<Entry> {
    // There are few long keys, if any, and they are stored behind all others in an order of their own.
    const long = [...this.#stored(table, FIRST_LONG_KEY)].sort(([a], [b]) => Buffer.compare(a, b));
    let next = 0;
    for (const entry of this.#stored(table, new Uint8Array(0))) {
      if (isLongKey(entry[0])) break;
      while (next < long.length && Buffer.compare(long[next]![0], entry[0]) < 0) yield long[next++]!;
      yield entry;
    }
    while (next < long.length) yield long[next++]!;
  }

  /** From a stored key on, in stored order. */
  *#stored(table: Table, first: Uint8Array): Iterable<Entry> {
    let from: Uint8Array | undefined = first;
    while (from !== undefined) {
      const found: Entry[] = [];
      from = this.#reader.visitEntries(table, from, STEP, (key, value) => found.push([key, value]));
      yield* found;
    }
  }
}
