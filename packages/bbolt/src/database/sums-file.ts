import { crc32 } from "node:zlib";
import type { Disk, File } from "../disk/disk.ts";
import { META_PAGES, type Meta, metaChecksum } from "../format/meta.ts";
import { decodeMark, MARK_AT, MARK_BYTES } from "../format/sums-mark.ts";
import { type Crc32, PageSums } from "../pages/page-sums.ts";

/*
 * Beside a database, in numbers of the machine's byte order: a header of one sector, then a CRC-32 for each page number.
 * The header has an entry for each of the two transactions whose metas are in the database: which of the two, by the
 * transaction's number mod 2; and so it tells whether the sums are of this database. The digest is that of the sums of the
 * transaction's own pages, and stands in the database behind its meta: sums of a transaction that a crash has kept from
 * becoming durable are not taken for those of another one with its number.
 *   header  u32 magic | u32 page size | 2 × entry, each u64 transaction | u64 checksum of its meta | u32 digest, 0 when the
 *           transaction was written without sums | u32 CRC-32 of these three
 */
const MAGIC = 0x5142_5332;
const HEADER_BYTES = 512;
const ENTRIES_AT = 8;
const ENTRY_BYTES = 24;
const CHECKED_BYTES = 20;
const SUM_BYTES = 4;
/** Sums that lie no further from each other are written together. */
const MOST_GAP = 4096;

/**
 * The sums of a database's pages, in a file beside it. A page that changes is written to a place that no durable
 * transaction refers to, and so is its sum: those of live pages never change, whatever of the others a crash leaves.
 */
export class SumsFile {
  readonly sums: PageSums;
  readonly #file: File;
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #view = new DataView(this.#header.buffer);
  /** Page slots whose sums the file has room for, up to the one that it was last made longer for. */
  #slots: number;

  private constructor(file: File, sums: PageSums, slots: number) {
    this.#file = file;
    this.sums = sums;
    this.#slots = slots;
  }

  /** The sums of the database whose newest meta this is; undefined when there are none, or they are of another one. */
  static async open(
    disk: Disk,
    path: string,
    database: File,
    meta: Meta,
    crc32?: Crc32,
  ): Promise<SumsFile | undefined> {
    const file = await disk.open(path, "write");
    const sums = new PageSums(meta.highWater, crc32);
    const found = new SumsFile(file, sums, meta.highWater);
    const bodyBytes = meta.highWater * SUM_BYTES;
    const digest = markedDigest(database, meta);
    const isWhole = file.readSync(found.#header, 0) === HEADER_BYTES && found.#isOf(meta, digest);
    if (isWhole && file.readSync(sums.stored(0, meta.highWater), HEADER_BYTES) === bodyBytes) return found;
    await file.close();
    return undefined;
  }

  /** Makes the file, in the place of one that is there: it is durable when this resolves. */
  static async create(
    disk: Disk,
    path: string,
    database: File,
    meta: Meta,
    sums: PageSums,
  ): Promise<SumsFile> {
    const unfinished = `${path}.creating`;
    const file = await disk.open(unfinished, "create");
    try {
      const made = new SumsFile(file, sums, meta.highWater);
      made.#view.setUint32(0, MAGIC, true);
      made.#view.setUint32(4, meta.pageBytes, true);
      made.#note(meta, markedDigest(database, meta));
      await file.write([made.#header, sums.stored(0, meta.highWater)], 0);
      await file.sync();
      await disk.rename(unfinished, path);
      await disk.syncDirectory(path);
      return made;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Of the sums of these pages, which ascend; not 0. */
  digestOf(pages: readonly number[]): number {
    const pairs = new Uint32Array(2 * pages.length);
    for (let i = 0; i < pages.length; i++) {
      pairs[2 * i] = pages[i]!;
      pairs[2 * i + 1] = this.sums.at(pages[i]!);
    }
    return crc32(pairs) || 1;
  }

  /** Makes the sums of these pages durable, which ascend, and that they belong to a database with this meta and digest. */
  async write(pages: readonly number[], meta: Meta, digest: number): Promise<void> {
    this.#note(meta, digest);
    await this.#file.write([this.#header], 0);
    for (let i = 0; i < pages.length; ) {
      const from = pages[i]!;
      let to = from + 1;
      for (i++; i < pages.length && pages[i]! - to < MOST_GAP; i++) to = pages[i]! + 1;
      await this.#file.write([this.sums.stored(from, to)], HEADER_BYTES + from * SUM_BYTES);
    }
    if (meta.highWater > this.#slots) {
      // The last page may take several slots and has one sum: without theirs the file would look cut short.
      const last = meta.highWater - 1;
      await this.#file.write([this.sums.stored(last, last + 1)], HEADER_BYTES + last * SUM_BYTES);
      this.#slots = meta.highWater;
    }
    await this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #note(meta: Meta, digest: number): void {
    const at = entryAt(meta);
    this.#view.setBigUint64(at, BigInt(meta.txId), true);
    this.#view.setBigUint64(at + 8, metaChecksum(meta), true);
    this.#view.setUint32(at + 16, digest, true);
    this.#view.setUint32(at + CHECKED_BYTES, this.#sumOfEntry(at), true);
  }

  #isOf(meta: Meta, digest: number): boolean {
    const view = this.#view;
    const at = entryAt(meta);
    if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== meta.pageBytes) return false;
    if (view.getUint32(at + CHECKED_BYTES, true) !== this.#sumOfEntry(at)) return false;
    return (
      view.getBigUint64(at, true) === BigInt(meta.txId) &&
      view.getBigUint64(at + 8, true) === metaChecksum(meta) &&
      view.getUint32(at + 16, true) === digest
    );
  }

  #sumOfEntry(at: number): number {
    return crc32(this.#header.subarray(at, at + CHECKED_BYTES));
  }
}

function entryAt(meta: Meta): number {
  return ENTRIES_AT + (meta.txId % META_PAGES) * ENTRY_BYTES;
}

/** The digest that the writer of a meta has noted; 0 when it had no sums. */
function markedDigest(database: File, meta: Meta): number {
  const bytes = new Uint8Array(MARK_BYTES);
  const count = database.readSync(bytes, (meta.txId % META_PAGES) * meta.pageBytes + MARK_AT);
  return decodeMark(bytes.subarray(0, count)) ?? 0;
}
