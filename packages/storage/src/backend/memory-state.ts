import type { LogIndex, Term } from "@quorate/raft";
import type { RevisionVisitor, Table } from "../seams/backend.ts";
import { keyString } from "./pending-tables.ts";

/** One change, as it is replayed on the state that a crash would leave. */
export type MemoryChange =
  | { kind: "putRevision"; main: number; sub: number; tombstone: boolean; record: Uint8Array }
  | { kind: "deleteRevision"; main: number; sub: number; tombstone: boolean }
  | { kind: "set"; table: Table; key: Uint8Array; value: Uint8Array | undefined }
  | { kind: "index"; index: LogIndex; term: Term };

/** Bytes that a record takes beside itself, roughly as in the database file. */
const RECORD_OVERHEAD_BYTES = 32;
const PAGE_BYTES = 4096;

/** All tables as plain sorted arrays and maps. */
export class MemoryState {
  readonly mains: number[] = [];
  readonly subs: number[] = [];
  readonly tombstones: boolean[] = [];
  readonly records: Uint8Array[] = [];
  readonly tables = new Map<Table, Map<string, [Uint8Array, Uint8Array]>>();
  consistentIndex = 0;
  consistentTerm = 0;
  usedBytes = 0;

  apply(change: MemoryChange): void {
    if (change.kind === "putRevision") {
      this.mains.push(change.main);
      this.subs.push(change.sub);
      this.tombstones.push(change.tombstone);
      this.records.push(change.record);
      this.usedBytes += change.record.length + RECORD_OVERHEAD_BYTES;
    } else if (change.kind === "deleteRevision") {
      const at = this.find(change.main, change.sub);
      if (at < 0 || this.tombstones[at] !== change.tombstone) return;
      this.usedBytes -= this.records[at]!.length + RECORD_OVERHEAD_BYTES;
      for (const column of [this.mains, this.subs, this.tombstones, this.records]) column.splice(at, 1);
    } else if (change.kind === "set") {
      this.#set(change.table, change.key, change.value);
    } else {
      this.consistentIndex = change.index;
      this.consistentTerm = change.term;
    }
  }

  /** Position of (main, sub), or -1. */
  find(main: number, sub: number): number {
    const at = this.lowerBound(main, sub);
    return at < this.mains.length && this.mains[at] === main && this.subs[at] === sub ? at : -1;
  }

  lowerBound(main: number, sub: number): number {
    let low = 0;
    let high = this.mains.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.mains[middle]!;
      if (at < main || (at === main && this.subs[middle]! < sub)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  visit(at: number, visitor: RevisionVisitor): void {
    const record = this.records[at]!;
    visitor(this.mains[at]!, this.subs[at]!, this.tombstones[at]!, record, 0, record.length);
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    return this.tables.get(table)?.get(keyString(key))?.[1];
  }

  /** Bytes in whole pages. */
  get inUseBytes(): number {
    return (2 + Math.ceil(this.usedBytes / PAGE_BYTES)) * PAGE_BYTES;
  }

  /** A second state that shares the records, which never change. */
  clone(): MemoryState {
    const copy = new MemoryState();
    for (let i = 0; i < this.mains.length; i++) {
      copy.mains.push(this.mains[i]!);
      copy.subs.push(this.subs[i]!);
      copy.tombstones.push(this.tombstones[i]!);
      copy.records.push(this.records[i]!);
    }
    for (const [table, entries] of this.tables) copy.tables.set(table, new Map(entries));
    copy.consistentIndex = this.consistentIndex;
    copy.consistentTerm = this.consistentTerm;
    copy.usedBytes = this.usedBytes;
    return copy;
  }

  #set(table: Table, key: Uint8Array, value: Uint8Array | undefined): void {
    let entries = this.tables.get(table);
    if (entries === undefined) {
      entries = new Map();
      this.tables.set(table, entries);
    }
    const name = keyString(key);
    const old = entries.get(name);
    if (old !== undefined) this.usedBytes -= old[0].length + old[1].length + RECORD_OVERHEAD_BYTES;
    if (value === undefined) entries.delete(name);
    else {
      entries.set(name, [key, value]);
      this.usedBytes += key.length + value.length + RECORD_OVERHEAD_BYTES;
    }
  }
}
