import type { File } from "../disk/disk.ts";
import type { PageSource, Place } from "./page-source.ts";

interface Entry extends Place {
  readonly slots: number;
  isChecked: boolean;
  /** Asked for since the hand came by. */
  isRecent: boolean;
}

/**
 * Reads pages into memory and keeps about `capacityBytes` of them, those that are asked for again rather than others. The
 * memory of what goes out of it is never used again, so that who still has a view on it sees the same bytes.
 */
export class PageCache implements PageSource {
  readonly #file: File;
  readonly #pageBytes: number;
  readonly #capacityBytes: number;
  /** In the order in which the hand looks at them. */
  readonly #entries = new Map<number, Entry>();
  #bytes = 0;
  /** Pages read from the file, for tests and measurements. */
  misses = 0;

  constructor(file: File, pageBytes: number, capacityBytes: number) {
    this.#file = file;
    this.#pageBytes = pageBytes;
    this.#capacityBytes = capacityBytes;
  }

  locate(page: number, slots: number, place: Place): void {
    let entry = this.#entries.get(page);
    if (entry === undefined || entry.slots < slots) entry = this.#read(page, slots);
    entry.isRecent = true;
    place.bytes = entry.bytes;
    place.view = entry.view;
    place.at = 0;
  }

  isChecked(page: number): boolean {
    return this.#entries.get(page)?.isChecked === true;
  }

  markChecked(page: number): void {
    const entry = this.#entries.get(page);
    if (entry !== undefined) entry.isChecked = true;
  }

  forget(page: number, slots: number): void {
    for (let i = page; i < page + slots; i++) {
      const entry = this.#entries.get(i);
      if (entry === undefined) continue;
      this.#entries.delete(i);
      this.#bytes -= entry.bytes.length;
    }
  }

  close(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #read(page: number, slots: number): Entry {
    const bytes = new Uint8Array(slots * this.#pageBytes);
    // What the file lacks are zeros, and those are no page.
    this.#file.readSync(bytes, page * this.#pageBytes);
    this.misses++;
    const entry = {
      bytes,
      view: new DataView(bytes.buffer),
      at: 0,
      slots,
      isChecked: false,
      isRecent: true,
    };
    this.forget(page, 1);
    this.#entries.set(page, entry);
    this.#bytes += bytes.length;
    if (this.#bytes > this.#capacityBytes) this.#evict(entry);
    return entry;
  }

  #evict(kept: Entry): void {
    for (const [page, entry] of this.#entries) {
      if (this.#bytes <= this.#capacityBytes) return;
      if (entry === kept) continue;
      this.#entries.delete(page);
      if (entry.isRecent) {
        entry.isRecent = false;
        this.#entries.set(page, entry);
      } else {
        this.#bytes -= entry.bytes.length;
      }
    }
  }
}
