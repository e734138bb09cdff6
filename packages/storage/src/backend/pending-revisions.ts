import { assert } from "../assert.ts";
import type { Revision } from "../seams/backend.ts";
import type { Arena, Chunk } from "./arena.ts";

const FIRST_CAPACITY = 4096;
const TOMBSTONE = 1;
const DEAD = 2;

/**
 * Revisions written but not yet committed, in ascending order. Ordinals count from 0 and are stable until `clear`.
 * Columns in place of objects: 10,000 of these live between two commits.
 */
export class PendingRevisions {
  count = 0;
  readonly #arena: Arena;
  #mains = new Float64Array(FIRST_CAPACITY);
  #subs = new Uint32Array(FIRST_CAPACITY);
  #flags = new Uint8Array(FIRST_CAPACITY);
  #chunks = new Uint32Array(FIRST_CAPACITY);
  #starts = new Uint32Array(FIRST_CAPACITY);
  #lengths = new Uint32Array(FIRST_CAPACITY);

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Copies `record`. (main, sub) is above every one before. */
  append(main: Revision, sub: number, tombstone: boolean, record: Uint8Array): void {
    const ordinal = this.count;
    if (ordinal === this.#mains.length) this.#grow();
    const length = record.length;
    const start = this.#arena.reserve(length);
    const chunkIndex = this.#arena.chunks.length - 1;
    this.#arena.chunks[chunkIndex]!.bytes.set(record, start);
    this.#mains[ordinal] = main;
    this.#subs[ordinal] = sub;
    this.#flags[ordinal] = tombstone ? TOMBSTONE : 0;
    this.#chunks[ordinal] = chunkIndex;
    this.#starts[ordinal] = start;
    this.#lengths[ordinal] = length;
    this.count = ordinal + 1;
  }

  /** The ordinal of (main, sub), or -1; also of one that was deleted again. */
  find(main: Revision, sub: number): number {
    const ordinal = this.lowerBound(main, sub);
    if (ordinal === this.count || this.#mains[ordinal] !== main || this.#subs[ordinal] !== sub) return -1;
    return ordinal;
  }

  /** The first ordinal at or above (main, sub); `count` if there is none. */
  lowerBound(main: Revision, sub: number): number {
    let low = 0;
    let high = this.count;
    if (high === 0) return 0;
    // Mostly every main revision has one record, and then the distance from the first one is the ordinal.
    const guess = main - this.#mains[0]!;
    if (guess >= 0 && guess < high && this.#mains[guess] === main && this.#subs[guess] === sub) return guess;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#mains[middle]!;
      if (at < main || (at === main && this.#subs[middle]! < sub)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  mainAt(ordinal: number): number {
    return this.#mains[ordinal]!;
  }

  subAt(ordinal: number): number {
    return this.#subs[ordinal]!;
  }

  isTombstone(ordinal: number): boolean {
    return (this.#flags[ordinal]! & TOMBSTONE) !== 0;
  }

  isDead(ordinal: number): boolean {
    return (this.#flags[ordinal]! & DEAD) !== 0;
  }

  /** Takes back a revision that was written since the last commit: it never reaches the database. */
  kill(ordinal: number): void {
    assert(ordinal >= 0 && ordinal < this.count, "ordinal of a pending revision");
    this.#flags[ordinal]! |= DEAD;
  }

  chunkAt(ordinal: number): Chunk {
    return this.#arena.chunks[this.#chunks[ordinal]!]!;
  }

  startAt(ordinal: number): number {
    return this.#starts[ordinal]!;
  }

  lengthAt(ordinal: number): number {
    return this.#lengths[ordinal]!;
  }

  /** Borrowed until `clear`. */
  recordAt(ordinal: number): Uint8Array {
    const start = this.#starts[ordinal]!;
    return this.chunkAt(ordinal).bytes.subarray(start, start + this.#lengths[ordinal]!);
  }

  clear(): void {
    this.count = 0;
    if (this.#mains.length > 16 * FIRST_CAPACITY) this.#resize(FIRST_CAPACITY);
  }

  #grow(): void {
    this.#resize(this.#mains.length * 2);
  }

  #resize(capacity: number): void {
    const kept = this.count;
    const mains = new Float64Array(capacity);
    mains.set(this.#mains.subarray(0, kept));
    this.#mains = mains;
    this.#subs = resized(this.#subs, kept, capacity);
    this.#chunks = resized(this.#chunks, kept, capacity);
    this.#starts = resized(this.#starts, kept, capacity);
    this.#lengths = resized(this.#lengths, kept, capacity);
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags.subarray(0, kept));
    this.#flags = flags;
  }
}

function resized(column: Uint32Array, kept: number, capacity: number): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(capacity);
  wider.set(column.subarray(0, kept));
  return wider;
}
