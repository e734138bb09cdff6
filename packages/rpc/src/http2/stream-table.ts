import { assert } from "../invariant.ts";
import type { Http2Stream } from "./stream.ts";

const LARGEST_RING = 4096;

/**
 * The open streams of a connection by id. Ids of one side grow by two, so the young streams fit a ring indexed by id
 * without hashing; a stream that outlives a whole turn of the ring (a watch beside a million puts) moves to a map.
 */
export class StreamTable {
  size = 0;
  #ring: (Http2Stream | undefined)[] = new Array(16).fill(undefined);
  #mask = 15;
  readonly #older = new Map<number, Http2Stream>();

  get(id: number): Http2Stream | undefined {
    const stream = this.#ring[(id >> 1) & this.#mask];
    if (stream !== undefined && stream.id === id) return stream;
    return this.#older.size === 0 ? undefined : this.#older.get(id);
  }

  /** Adds a stream whose id is new. */
  add(stream: Http2Stream): void {
    this.size++;
    let slot = (stream.id >> 1) & this.#mask;
    if (
      this.#ring[slot] !== undefined &&
      this.size > this.#ring.length / 2 &&
      this.#ring.length < LARGEST_RING
    ) {
      this.#grow();
      slot = (stream.id >> 1) & this.#mask;
    }
    const occupant = this.#ring[slot];
    assert(occupant === undefined || occupant.id !== stream.id, "a stream has an id of its own");
    if (occupant !== undefined) this.#older.set(occupant.id, occupant);
    this.#ring[slot] = stream;
  }

  remove(stream: Http2Stream): void {
    const slot = (stream.id >> 1) & this.#mask;
    if (this.#ring[slot] === stream) {
      this.#ring[slot] = undefined;
      this.size--;
    } else if (this.#older.delete(stream.id)) {
      this.size--;
    }
  }

  /** A snapshot, so that the caller may remove streams while it goes through it. */
  toArray(): Http2Stream[] {
    return this.first(this.size);
  }

  /** Up to `most` of them, the older ones first. */
  first(most: number): Http2Stream[] {
    const streams: Http2Stream[] = [];
    for (const stream of this.#older.values()) {
      if (streams.length >= most) return streams;
      streams.push(stream);
    }
    for (const stream of this.#ring) {
      if (streams.length >= most) return streams;
      if (stream !== undefined) streams.push(stream);
    }
    return streams;
  }

  #grow(): void {
    const young = this.#ring.filter((stream) => stream !== undefined);
    this.#ring = new Array(this.#ring.length * 4).fill(undefined);
    this.#mask = this.#ring.length - 1;
    for (const stream of young) {
      const slot = (stream.id >> 1) & this.#mask;
      const occupant = this.#ring[slot];
      if (occupant === undefined) this.#ring[slot] = stream;
      else this.#older.set(stream.id, stream);
    }
  }
}
