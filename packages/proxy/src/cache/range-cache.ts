import { Code, GrpcError } from "@quorate/rpc/status";
import { encodeMessage, RangeRequest } from "@quorate/wire/messages";
import { type KeyRange, nameOf, overlap } from "./key-range.ts";

/** etcd's proxy keeps as many. */
const MOST_ENTRIES = 2_048;
const MOST_BYTES = 64 * 1024 * 1024;
/** Larger answers would drive out all others. */
const MOST_BYTES_OF_ONE = MOST_BYTES / 16;

interface Entry extends KeyRange {
  readonly revision: bigint;
  readonly response: Uint8Array;
}

/** A range that is being asked for. What is written meanwhile may not be in its answer, which is then not kept. */
export interface Reading extends KeyRange {
  spoiled: boolean;
}

/**
 * Answers to ranges, for those who are content with an older state. It sees what is written through this proxy, and nothing
 * else: answers may be as old as they like.
 */
export class RangeCache {
  /** By the request's bytes; those used last come last. */
  readonly #entries = new Map<string, Entry>();
  /** Those that a write may outdate, of one key each, by it. */
  readonly #ofKeys = new Map<string, Set<string>>();
  /** And the same of several keys. */
  readonly #ofRanges = new Set<string>();
  readonly #readings = new Set<Reading>();
  #bytes = 0;
  #compactRevision = -1n;
  hits = 0;
  misses = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Throws GrpcError when the revision has been compacted. */
  get(request: RangeRequest): Uint8Array | undefined {
    const id = idOf(request);
    if (request.revision > 0n && request.revision < this.#compactRevision) {
      this.#remove(id);
      this.hits++;
      throw new GrpcError(Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
    }
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      this.misses++;
      return undefined;
    }
    this.hits++;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry.response;
  }

  /** Before a range is asked for whose answer is to be kept; `ended` has to follow. */
  begun({ key, rangeEnd }: KeyRange): Reading {
    const reading = { key, rangeEnd, spoiled: false };
    this.#readings.add(reading);
    return reading;
  }

  /** `response` is undefined when there was no answer. */
  ended(reading: Reading, request: RangeRequest, response: Uint8Array | undefined): void {
    this.#readings.delete(reading);
    if (response === undefined || (reading.spoiled && request.revision === 0n)) return;
    this.#add(request, response);
  }

  /** These keys are being written, or have been. */
  invalidate(range: KeyRange): void {
    for (const reading of this.#readings) if (!reading.spoiled) reading.spoiled = overlap(reading, range);
    if (range.rangeEnd.length === 0) {
      for (const id of this.#ofKeys.get(nameOf(range.key)) ?? []) this.#remove(id);
    } else {
      for (const [key, ids] of this.#ofKeys) {
        const one = { key: Buffer.from(key, "latin1"), rangeEnd: NO_END };
        if (overlap(one, range)) for (const id of ids) this.#remove(id);
      }
    }
    for (const id of this.#ofRanges) if (overlap(this.#entries.get(id)!, range)) this.#remove(id);
  }

  /** Anything may have changed, also what may be read. */
  clear(): void {
    for (const reading of this.#readings) reading.spoiled = true;
    for (const id of [...this.#entries.keys()]) this.#remove(id);
  }

  compacted(revision: bigint): void {
    if (revision > this.#compactRevision) this.#compactRevision = revision;
  }

  #add(request: RangeRequest, response: Uint8Array): void {
    if (response.length > MOST_BYTES_OF_ONE) return;
    const { key, rangeEnd, revision } = request;
    if (revision > 0n && revision <= this.#compactRevision) return;
    const id = idOf(request);
    this.#remove(id);
    this.#entries.set(id, { key, rangeEnd, revision, response });
    this.#bytes += response.length + id.length;
    if (revision === 0n) {
      if (rangeEnd.length > 0) this.#ofRanges.add(id);
      else {
        const name = nameOf(key);
        const ids = this.#ofKeys.get(name);
        if (ids === undefined) this.#ofKeys.set(name, new Set([id]));
        else ids.add(id);
      }
    }
    while (this.#entries.size > MOST_ENTRIES || this.#bytes > MOST_BYTES) {
      const [oldest] = this.#entries.keys();
      this.#remove(oldest!);
    }
  }

  #remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#bytes -= entry.response.length + id.length;
    this.#ofRanges.delete(id);
    const name = nameOf(entry.key);
    const ids = this.#ofKeys.get(name);
    if (ids?.delete(id) === true && ids.size === 0) this.#ofKeys.delete(name);
  }
}

const NO_END = new Uint8Array(0);

/** Whatever is asked for linearizably may be answered to who is content with less. */
function idOf(request: RangeRequest): string {
  return nameOf(encodeMessage(RangeRequest, { ...request, serializable: true }));
}
