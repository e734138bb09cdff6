import { FloatColumn, IntColumn } from "./columns.ts";
import { NONE } from "./slot-index.ts";

/**
 * Slots (small non-negative integers) ordered by a time in milliseconds: a binary heap in typed arrays, 16 bytes a
 * slot. The earliest is found in one step; adding, moving and removing take O(log n).
 */
export class DeadlineHeap {
  /** By slot; meaningful while it is in the heap. */
  private readonly times = new FloatColumn();
  /** By slot, its place in `order` plus one; 0 when it is not in the heap. */
  private readonly places = new IntColumn();
  private readonly order = new IntColumn();
  private capacity = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Makes room for slots below `capacity`. */
  reserve(capacity: number): void {
    if (capacity <= this.capacity) return;
    this.times.reserve(capacity);
    this.places.reserve(capacity);
    this.order.reserve(capacity);
    this.capacity = capacity;
  }

  has(slot: number): boolean {
    return slot < this.capacity && this.places.get(slot) !== 0;
  }

  /** Adds the slot or gives it another time. */
  set(slot: number, timeMs: number): void {
    this.times.set(slot, timeMs);
    let place = this.places.get(slot) - 1;
    if (place < 0) {
      place = this.count;
      this.count += 1;
    }
    this.siftDown(this.siftUp(place, slot, timeMs), slot, timeMs);
  }

  remove(slot: number): void {
    if (!this.has(slot)) return;
    const place = this.places.get(slot) - 1;
    this.places.set(slot, 0);
    this.count -= 1;
    if (place === this.count) return;
    const last = this.order.get(this.count);
    const timeMs = this.times.get(last);
    this.siftDown(this.siftUp(place, last, timeMs), last, timeMs);
  }

  /** The slot with the earliest time, or `NONE`. */
  first(): number {
    return this.count === 0 ? NONE : this.order.get(0);
  }

  timeOf(slot: number): number {
    return this.times.get(slot);
  }

  clear(): void {
    this.places.fill(0);
    this.count = 0;
  }

  /** Both sifts put `slot` where it belongs, from `from` on, and return its place. */
  private siftUp(from: number, slot: number, timeMs: number): number {
    const { times, order, places } = this;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = order.get(parent);
      if (times.get(above) <= timeMs) break;
      order.set(place, above);
      places.set(above, place + 1);
      place = parent;
    }
    order.set(place, slot);
    places.set(slot, place + 1);
    return place;
  }

  private siftDown(from: number, slot: number, timeMs: number): number {
    const { times, order, places, count } = this;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= count) break;
      let below = order.get(child);
      let earliest = times.get(below);
      if (child + 1 < count) {
        const other = order.get(child + 1);
        const time = times.get(other);
        if (time < earliest) {
          child += 1;
          below = other;
          earliest = time;
        }
      }
      if (earliest >= timeMs) break;
      order.set(place, below);
      places.set(below, place + 1);
      place = child;
    }
    order.set(place, slot);
    places.set(slot, place + 1);
    return place;
  }
}
