import { assert } from "@quorate/storage/assert";
import type { RecordSink, Revision } from "@quorate/storage/seams/backend";
import { costOf, type Steps } from "@quorate/storage/slices";
import { decodeKeyValue, keyValueSize, type RangeRequest, writeKeyValue } from "@quorate/wire/hot";
import { NO_BYTES } from "../keys/bytes.ts";
import { Column } from "./column.ts";
import type { StoreState } from "./store-state.ts";

/** `RangeRequest.SortOrder` and `SortTarget`. */
export const SortOrder = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;
export const SortTarget = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;

/** Hits looked at, or bytes of records read, between two yields. */
const STEP = 256;
const STEP_BYTES = 2 ** 18;

/** The revisions that a range found, in columns. */
export class Hits {
  length = 0;
  readonly #ids = new Column();
  readonly #mains = new Column();
  readonly #subs = new Column();

  push(id: number, main: Revision, sub: number): void {
    this.#ids.push(id);
    this.#mains.push(main);
    this.#subs.push(sub);
    this.length++;
  }

  /** Of the index. */
  id(hit: number): number {
    return this.#ids.at(hit);
  }

  main(hit: number): Revision {
    return this.#mains.at(hit);
  }

  sub(hit: number): number {
    return this.#subs.at(hit);
  }

  copy(from: number, to: number): void {
    this.#ids.set(to, this.#ids.at(from));
    this.#mains.set(to, this.#mains.at(from));
    this.#subs.set(to, this.#subs.at(from));
  }
}

export function hasFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

/** A bound of zero is no bound; a negative one is. */
export function passes(request: RangeRequest, mod: number, create: number): boolean {
  if (request.maxModRevision !== 0 && mod > request.maxModRevision) return false;
  if (request.minModRevision !== 0 && mod < request.minModRevision) return false;
  if (request.maxCreateRevision !== 0 && create > request.maxCreateRevision) return false;
  return request.minCreateRevision === 0 || create >= request.minCreateRevision;
}

export function* filterSteps(state: StoreState, request: RangeRequest, hits: Hits): Steps<void> {
  const tally = new Tally(state);
  let kept = 0;
  for (let i = 0; i < hits.length; i++) {
    const main = hits.main(i);
    if (passes(request, main, createOf(state, hits.id(i), main, hits.sub(i)))) hits.copy(i, kept++);
    if (tally.item()) yield* tally.report();
  }
  hits.length = kept;
}

/** Counts what steps that read records one by one have touched since they yielded last. */
export class Tally {
  readonly #state: StoreState;
  #items = 0;
  #readBytes: number;

  constructor(state: StoreState) {
    this.#state = state;
    this.#readBytes = state.counters.readBytes;
  }

  /** One item more has been looked at; true: time to yield. */
  item(): boolean {
    return ++this.#items === STEP || this.#state.counters.readBytes - this.#readBytes > STEP_BYTES;
  }

  /** Yields what has been touched since; returns whether there was a pause. */
  *report(): Steps<boolean> {
    const paused = yield costOf(this.#items, this.#state.counters.readBytes - this.#readBytes);
    // What others have read in a pause does not count.
    this.#items = 0;
    this.#readBytes = this.#state.counters.readBytes;
    return paused;
  }
}

/** Borrowed until the next call on the backend. */
export function recordOf(state: StoreState, main: Revision, sub: number): Uint8Array {
  const record = state.backend.getRevision(main, sub);
  assert(record !== undefined, "the backend has every record that the index names");
  state.counters.readBytes += record.length;
  return record;
}

export function createOf(state: StoreState, id: number, main: Revision, sub: number): number {
  const { entries } = state.index;
  if (entries.modMain(id) === main && entries.modSub(id) === sub) return entries.createMain(id);
  return decodeKeyValue(recordOf(state, main, sub)).createRevision;
}

export function versionOf(state: StoreState, id: number, main: Revision, sub: number): number {
  const { entries } = state.index;
  if (entries.modMain(id) === main && entries.modSub(id) === sub) return entries.version(id);
  return decodeKeyValue(recordOf(state, main, sub)).version;
}

/** Puts the record without its value, and without its lease unless asked for: the index does not know leases. */
export function appendKeyOnly(
  state: StoreState,
  id: number,
  main: Revision,
  sub: number,
  withLease: boolean,
  sink: RecordSink,
): void {
  const { entries } = state.index;
  if (!withLease && entries.modMain(id) === main && entries.modSub(id) === sub) {
    append(sink, entries.borrowKey(id), entries.createMain(id), main, entries.version(id), 0n);
    return;
  }
  const kv = decodeKeyValue(recordOf(state, main, sub));
  append(sink, kv.key, kv.createRevision, kv.modRevision, kv.version, withLease ? kv.lease : 0n);
}

function append(
  sink: RecordSink,
  key: Uint8Array,
  create: number,
  mod: number,
  version: number,
  lease: bigint,
): void {
  const at = sink.begin(keyValueSize(key, create, mod, version, NO_BYTES, lease));
  writeKeyValue(sink.bytes, at, key, create, mod, version, NO_BYTES, lease);
}
