/**
 * Slots (small non-negative integers) ordered by a time in milliseconds: a binary heap in typed arrays, 16 bytes a
 * slot. The earliest is found in one step; adding, moving and removing take O(log n).
 */
export class DeadlineHeap {
  /** Of each slot, its time; meaningful while it is in the heap. */
  private times = new Float64Array(0);
  /** Of each slot, its place in `order` plus one; 0 when it is not in the heap. */
  private places = new Int32Array(0);
  private order = new Int32Array(0);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Makes room for slots below `capacity`. */
  reserve(capacity: number): void {
    if (capacity <= this.places.length) return;
    const { times, places, order } = this;
    this.times = new Float64Array(capacity);
    this.times.set(times);
    this.places = new Int32Array(capacity);
    this.places.set(places);
    this.order = new Int32Array(capacity);
    this.order.set(order);
  }

  has(slot: number): boolean {
    return slot < this.places.length && this.places[slot] !== 0;
  }

  /** Adds the slot or gives it another time. */
  set(slot: number, timeMs: number): void {
    this.times[slot] = timeMs;
    let place = this.places[slot]! - 1;
    if (place < 0) {
      place = this.count;
      this.count += 1;
    }
    this.siftDown(this.siftUp(place, slot), slot);
  }

  remove(slot: number): void {
    if (!this.has(slot)) return;
    const place = this.places[slot]! - 1;
    this.places[slot] = 0;
    this.count -= 1;
    if (place === this.count) return;
    const last = this.order[this.count]!;
    this.siftDown(this.siftUp(place, last), last);
  }

  /** The slot with the earliest time, or -1. */
  first(): number {
    return this.count === 0 ? -1 : this.order[0]!;
  }

  timeOf(slot: number): number {
    return this.times[slot]!;
  }

  clear(): void {
    for (let i = 0; i < this.count; i++) this.places[this.order[i]!] = 0;
    this.count = 0;
  }

  /** Both sifts put `slot` where it belongs and return its place. */
  private siftUp(from: number, slot: number): number {
    const { times, order, places } = this;
    const time = times[slot]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = order[parent]!;
      if (times[above]! <= time) break;
      order[place] = above;
      places[above] = place + 1;
      place = parent;
    }
    order[place] = slot;
    places[slot] = place + 1;
    return place;
  }

  private siftDown(from: number, slot: number): number {
    const { times, order, places, count } = this;
    const time = times[slot]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= count) break;
      if (child + 1 < count && times[order[child + 1]!]! < times[order[child]!]!) child += 1;
      const below = order[child]!;
      if (times[below]! >= time) break;
      order[place] = below;
      places[below] = place + 1;
      place = child;
    }
    order[place] = slot;
    places[slot] = place + 1;
    return place;
  }
}
