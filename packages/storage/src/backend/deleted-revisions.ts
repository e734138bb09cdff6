/** Committed revisions that are to be deleted with the next commit. Mostly appended in order, by a compaction. */
export class DeletedRevisions {
  readonly #mains: number[] = [];
  readonly #subs: number[] = [];
  readonly #tombstones: boolean[] = [];
  #sorted = true;

  get count(): number {
    return this.#mains.length;
  }

  add(main: number, sub: number, tombstone: boolean): void {
    const last = this.#mains.length - 1;
    if (last >= 0 && compare(this.#mains[last]!, this.#subs[last]!, main, sub) >= 0) this.#sorted = false;
    this.#mains.push(main);
    this.#subs.push(sub);
    this.#tombstones.push(tombstone);
  }

  has(main: number, sub: number, tombstone: boolean): boolean {
    if (this.#mains.length === 0) return false;
    this.sort();
    let low = 0;
    let high = this.#mains.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#mains[middle]!, this.#subs[middle]!, main, sub) < 0) low = middle + 1;
      else high = middle;
    }
    for (; low < this.#mains.length && this.#mains[low] === main && this.#subs[low] === sub; low++) {
      if (this.#tombstones[low] === tombstone) return true;
    }
    return false;
  }

  /**
   * Puts them into ascending order, which is the order in which the database is fastest. Their numbers, from 0 on, are
   * those of this order then, until the next `add`.
   */
  sort(): void {
    if (this.#sorted) return;
    const order = this.#mains.map((_, i) => i);
    order.sort((a, b) => compare(this.#mains[a]!, this.#subs[a]!, this.#mains[b]!, this.#subs[b]!));
    const mains = order.map((i) => this.#mains[i]!);
    const subs = order.map((i) => this.#subs[i]!);
    const tombstones = order.map((i) => this.#tombstones[i]!);
    for (let i = 0; i < order.length; i++) {
      this.#mains[i] = mains[i]!;
      this.#subs[i] = subs[i]!;
      this.#tombstones[i] = tombstones[i]!;
    }
    this.#sorted = true;
  }

  mainAt(i: number): number {
    return this.#mains[i]!;
  }

  subAt(i: number): number {
    return this.#subs[i]!;
  }

  isTombstone(i: number): boolean {
    return this.#tombstones[i]!;
  }

  clear(): void {
    this.#mains.length = 0;
    this.#subs.length = 0;
    this.#tombstones.length = 0;
    this.#sorted = true;
  }
}

function compare(mainA: number, subA: number, mainB: number, subB: number): number {
  return mainA === mainB ? subA - subB : mainA - mainB;
}
