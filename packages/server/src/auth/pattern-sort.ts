/**
 * Sorts as the standard library of Go does (a quicksort that defeats patterns): not stably, so where several are equal it is
 * the steps themselves that decide about their order. Members of etcd keep permissions in the order that these steps leave.
 */
export function patternSort<Item>(items: Item[], isBefore: (a: Item, b: Item) => boolean): void {
  new PatternSort(items, isBefore).sort(0, items.length, bitLength(items.length));
}

/** Fewer are inserted one by one. */
const MAX_INSERTED = 12;
/** From so many on the pivot is a median of medians, and single items out of order are shifted to their place. */
const MANY = 50;
const MAX_SHIFTED = 5;
/** Of a median of medians whose nine items are all the wrong way round. */
const MAX_SWAPS = 12;
/** Fewer have no pattern to break, and no pivot to choose. */
const MIN_FOR_PIVOT = 8;

class PatternSort<Item> {
  readonly #items: Item[];
  readonly #isBefore: (a: Item, b: Item) => boolean;
  /** Of the pivot that is being chosen. */
  #swaps = 0;

  constructor(items: Item[], isBefore: (a: Item, b: Item) => boolean) {
    this.#items = items;
    this.#isBefore = isBefore;
  }

  /** `limit`: after so many bad pivots the rest is sorted as a heap. */
  sort(begin: number, stop: number, limit: number): void {
    let [from, to, patience] = [begin, stop, limit];
    let wasBalanced = true;
    let wasPartitioned = true;
    for (;;) {
      const length = to - from;
      if (length <= MAX_INSERTED) {
        this.#insert(from, to);
        return;
      }
      if (patience === 0) {
        this.#heapSort(from, to);
        return;
      }
      if (!wasBalanced) {
        this.#breakPatterns(from, to);
        patience -= 1;
      }
      let pivot = this.#choosePivot(from, to);
      let looksSorted = this.#swaps === 0;
      if (this.#swaps === MAX_SWAPS) {
        this.#reverse(from, to);
        pivot = to - 1 - (pivot - from);
        looksSorted = true;
      }
      if (wasBalanced && wasPartitioned && looksSorted && this.#shiftFew(from, to)) return;
      if (from > 0 && !this.#less(from - 1, pivot)) {
        from = this.#partitionEqual(from, to, pivot);
        continue;
      }
      const { middle, wasInOrder } = this.#partition(from, to, pivot);
      wasPartitioned = wasInOrder;
      const [left, right] = [middle - from, to - middle];
      wasBalanced = Math.min(left, right) >= Math.floor(length / 8);
      if (left < right) {
        this.sort(from, middle, patience);
        from = middle + 1;
      } else {
        this.sort(middle + 1, to, patience);
        to = middle;
      }
    }
  }

  #less(i: number, j: number): boolean {
    return this.#isBefore(this.#items[i]!, this.#items[j]!);
  }

  #swap(i: number, j: number): void {
    const items = this.#items;
    const item = items[i]!;
    items[i] = items[j]!;
    items[j] = item;
  }

  #insert(from: number, to: number): void {
    for (let i = from + 1; i < to; i++) {
      for (let j = i; j > from && this.#less(j, j - 1); j--) this.#swap(j, j - 1);
    }
  }

  /** Items before the pivot come before it, all others behind. */
  #partition(from: number, to: number, pivot: number): { middle: number; wasInOrder: boolean } {
    this.#swap(from, pivot);
    let i = from + 1;
    let j = to - 1;
    for (let wasInOrder = true; ; wasInOrder = false) {
      while (i <= j && this.#less(i, from)) i++;
      while (i <= j && !this.#less(j, from)) j--;
      if (i > j) {
        this.#swap(j, from);
        return { middle: j, wasInOrder };
      }
      this.#swap(i++, j--);
    }
  }

  /** Items equal to the pivot come first; returns where the greater ones begin. */
  #partitionEqual(from: number, to: number, pivot: number): number {
    this.#swap(from, pivot);
    let i = from + 1;
    let j = to - 1;
    for (;;) {
      while (i <= j && !this.#less(from, i)) i++;
      while (i <= j && this.#less(from, j)) j--;
      if (i > j) return i;
      this.#swap(i++, j--);
    }
  }

  /** Whether all are in order after a few were shifted to their place. */
  #shiftFew(from: number, to: number): boolean {
    let i = from + 1;
    for (let shifted = 0; shifted < MAX_SHIFTED; shifted++) {
      while (i < to && !this.#less(i, i - 1)) i++;
      if (i === to) return true;
      if (to - from < MANY) return false;
      this.#swap(i, i - 1);
      if (i - from >= 2) for (let j = i - 1; j >= 1 && this.#less(j, j - 1); j--) this.#swap(j, j - 1);
      if (to - i >= 2) for (let j = i + 1; j < to && this.#less(j, j - 1); j++) this.#swap(j, j - 1);
    }
    return false;
  }

  #breakPatterns(from: number, to: number): void {
    const length = to - from;
    if (length < MIN_FOR_PIVOT) return;
    let random = BigInt(length);
    const mask = (1n << BigInt(bitLength(length))) - 1n;
    const middle = from + Math.floor(length / 4) * 2;
    for (let i = middle - 1; i <= middle + 1; i++) {
      random ^= BigInt.asUintN(64, random << 13n);
      random ^= random >> 7n;
      random ^= BigInt.asUintN(64, random << 17n);
      const other = Number(random & mask);
      this.#swap(i, from + (other >= length ? other - length : other));
    }
  }

  #choosePivot(from: number, to: number): number {
    this.#swaps = 0;
    const length = to - from;
    const quarter = Math.floor(length / 4);
    let [i, j, k] = [from + quarter, from + quarter * 2, from + quarter * 3];
    if (length < MIN_FOR_PIVOT) return j;
    if (length >= MANY) {
      i = this.#median(i - 1, i, i + 1);
      j = this.#median(j - 1, j, j + 1);
      k = this.#median(k - 1, k, k + 1);
    }
    return this.#median(i, j, k);
  }

  /** Counts what is not in order. */
  #median(first: number, second: number, third: number): number {
    let [a, b] = this.#inOrder(first, second);
    [b] = this.#inOrder(b, third);
    [a, b] = this.#inOrder(a, b);
    return b;
  }

  #inOrder(i: number, j: number): [number, number] {
    if (!this.#less(j, i)) return [i, j];
    this.#swaps += 1;
    return [j, i];
  }

  #reverse(from: number, to: number): void {
    for (let i = from, j = to - 1; i < j; i++, j--) this.#swap(i, j);
  }

  #heapSort(from: number, to: number): void {
    const length = to - from;
    for (let i = Math.floor((length - 1) / 2); i >= 0; i--) this.#siftDown(i, length, from);
    for (let i = length - 1; i >= 0; i--) {
      this.#swap(from, from + i);
      this.#siftDown(0, i, from);
    }
  }

  #siftDown(top: number, stop: number, from: number): void {
    for (let root = top; ; ) {
      let child = 2 * root + 1;
      if (child >= stop) return;
      if (child + 1 < stop && this.#less(from + child, from + child + 1)) child++;
      if (!this.#less(from + root, from + child)) return;
      this.#swap(from + root, from + child);
      root = child;
    }
  }
}

function bitLength(number: number): number {
  return 32 - Math.clz32(number);
}
