import { type SegmentName, segmentName } from "../catalog/names.ts";
import { type ArchiveRecord, encodeRecord } from "./records.ts";

/** A segment that is being written: it is in memory until it is in the store for the last time. */
export class SegmentBuffer {
  readonly name: SegmentName;
  readonly begunAtMs: number;
  readonly #records: Uint8Array[] = [];
  #bytes = 0;
  /** Up to which record it is in the store. */
  #stored = 0;

  constructor(
    { cluster, chain, after, writer }: { cluster: string; chain: string; after: number; writer: string },
    nowMs: number,
  ) {
    this.name = segmentName(cluster, chain, after + 1, writer);
    this.begunAtMs = nowMs;
    this.add({ kind: "head", version: 1, cluster, chain, after });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it has anything that is not in the store. A head alone is nothing. */
  get isDirty(): boolean {
    return this.#stored < this.#records.length && this.#records.length > 1;
  }

  get isEmpty(): boolean {
    return this.#records.length === 1;
  }

  add(record: ArchiveRecord): void {
    const bytes = encodeRecord(record);
    this.#records.push(bytes);
    this.#bytes += bytes.length;
  }

  /** All of it as it is now; call `stored` with its `count` when it is in the store. */
  content(): { readonly records: readonly Uint8Array[]; readonly count: number } {
    return { records: this.#records.slice(), count: this.#records.length };
  }

  stored(count: number): void {
    this.#stored = Math.max(this.#stored, count);
  }
}
