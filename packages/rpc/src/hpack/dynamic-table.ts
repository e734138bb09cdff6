import type { HeaderField } from "./field.ts";

/** The dynamic table of RFC 7541 section 2.3.2: a first-in, first-out ring. Index 0 is the newest entry. */
export class DynamicTable {
  /** Sum of the entries' sizes (octets). */
  size = 0;
  length = 0;
  maxSize: number;
  /** Counts whatever may make an index mean something else than before: insertions and resizings. */
  changeCount = 0;
  #ring: (HeaderField | undefined)[] = new Array(8).fill(undefined);
  #newest = 0;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  get(index: number): HeaderField {
    const ring = this.#ring;
    return ring[(this.#newest - index) & (ring.length - 1)]!;
  }

  insert(field: HeaderField): void {
    this.changeCount++;
    this.#evictTo(this.maxSize - field.size);
    // An entry larger than the table empties it and is not added (RFC 7541 section 4.4).
    if (field.size > this.maxSize) return;
    if (this.length === this.#ring.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#ring.length - 1);
    this.#ring[this.#newest] = field;
    this.length++;
    this.size += field.size;
  }

  resize(maxSize: number): void {
    this.changeCount++;
    this.maxSize = maxSize;
    this.#evictTo(maxSize);
  }

  #evictTo(size: number): void {
    while (this.size > size && this.length > 0) {
      const ring = this.#ring;
      const oldest = (this.#newest - this.length + 1) & (ring.length - 1);
      this.size -= ring[oldest]!.size;
      ring[oldest] = undefined;
      this.length--;
    }
  }

  #grow(): void {
    const larger: (HeaderField | undefined)[] = new Array(this.#ring.length * 2).fill(undefined);
    for (let i = 0; i < this.length; i++) larger[this.length - 1 - i] = this.get(i);
    this.#newest = this.length - 1;
    this.#ring = larger;
  }
}
