import { crc32c } from "@node-rs/crc32";
import type { Revision } from "@quorate/storage/seams/backend";
import { costOf } from "@quorate/storage/slices";
import { writeRevision } from "./record.ts";

const BUFFER_BYTES = 64 * 1024;
const TOMBSTONE_MARK = 0x74;
const ENTRY_ITEMS = 4;

/**
 * A running CRC-32C over records as they lie in table `key`: the record's key in etcd's form, then its bytes. Small
 * records are gathered first, since a call of the checksum costs more than a record does.
 */
export class KvHasher {
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #crc = 0;
  #cost = 0;

  /** `prefix` is hashed first: the bucket's name. */
  constructor(prefix: string) {
    this.addBytes(Buffer.from(prefix));
  }

  /** The record is borrowed. */
  addRecord(
    main: Revision,
    sub: number,
    tombstone: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.#used + 18 > BUFFER_BYTES) this.#flush();
    writeRevision(this.#buffer, this.#used, main, sub);
    this.#used += 17;
    if (tombstone) this.#buffer[this.#used++] = TOMBSTONE_MARK;
    this.#cost += costOf(1, end - start);
    this.addBytes(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  }

  /** An entry of a table; borrowed. */
  addEntry(key: Uint8Array, value: Uint8Array): void {
    // It was copied out of the database, and its place found: more than a record is.
    this.#cost += costOf(ENTRY_ITEMS, key.length + value.length);
    this.addBytes(key);
    this.addBytes(value);
  }

  /** A record of so many bytes was looked at and is not hashed. */
  skipped(bytes: number): void {
    this.#cost += costOf(1, bytes);
  }

  /** Borrowed. */
  addBytes(bytes: Uint8Array): void {
    if (this.#used + bytes.length > BUFFER_BYTES) this.#flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#crc = crc32c(bytes, this.#crc);
      return;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** What the records since it was asked last have cost. */
  takeCost(): number {
    const cost = this.#cost;
    this.#cost = 0;
    return cost;
  }

  /** An unsigned 32-bit number. */
  digest(): number {
    this.#flush();
    return this.#crc >>> 0;
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#crc = crc32c(this.#buffer.subarray(0, this.#used), this.#crc);
    this.#used = 0;
  }
}
