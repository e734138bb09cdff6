import type { Table } from "../seams/backend.ts";

/** One entry as it will be after the commit; `value` undefined: deleted. */
export interface PendingEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** Not yet committed entries of the tables beside `key`: the newest state of each touched key. */
export class PendingTables {
  readonly #tables = new Map<Table, Map<string, PendingEntry>>();

  set(table: Table, key: Uint8Array, value: Uint8Array | undefined): void {
    let entries = this.#tables.get(table);
    if (entries === undefined) {
      entries = new Map();
      this.#tables.set(table, entries);
    }
    entries.set(keyString(key), { key, value });
  }

  /** undefined: not touched; an entry without a value: deleted. */
  get(table: Table, key: Uint8Array): PendingEntry | undefined {
    return this.#tables.get(table)?.get(keyString(key));
  }

  of(table: Table): Iterable<PendingEntry> {
    return this.#tables.get(table)?.values() ?? [];
  }

  tables(): Iterable<Table> {
    return this.#tables.keys();
  }

  clear(): void {
    this.#tables.clear();
  }
}

/** One UTF-16 unit a byte, so that different keys are different strings. */
export function keyString(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
