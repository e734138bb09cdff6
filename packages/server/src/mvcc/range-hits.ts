import { decodeKeyValue, encodeKeyValue, type RangeRequest } from "@quorate/wire/hot";
import { assert } from "../assert.ts";
import { compareBytes, NO_BYTES } from "./bytes.ts";
import { RecordList } from "./record-list.ts";
import { type Steps, sortInSteps } from "./steps.ts";
import type { StoreState } from "./store-state.ts";

/** `RangeRequest.SortOrder` and `SortTarget`. */
export const SortOrder = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;
export const SortTarget = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;

/** Hits looked at between two looks at the clock. */
const STEP = 256;

/** The revisions that a range found, in columns. */
export class Hits {
  length = 0;
  ids: number[] = [];
  mains: number[] = [];
  subs: number[] = [];

  push(id: number, main: number, sub: number): void {
    this.ids[this.length] = id;
    this.mains[this.length] = main;
    this.subs[this.length++] = sub;
  }

  copy(from: number, to: number): void {
    this.ids[to] = this.ids[from]!;
    this.mains[to] = this.mains[from]!;
    this.subs[to] = this.subs[from]!;
  }

  reorder(permutation: readonly number[]): void {
    const { ids, mains, subs } = this;
    this.ids = permutation.map((i) => ids[i]!);
    this.mains = permutation.map((i) => mains[i]!);
    this.subs = permutation.map((i) => subs[i]!);
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
  let kept = 0;
  for (let i = 0; i < hits.length; i++) {
    const main = hits.mains[i]!;
    if (passes(request, main, createOf(state, hits.ids[i]!, main, hits.subs[i]!))) hits.copy(i, kept++);
    if (i % STEP === STEP - 1) yield;
  }
  hits.length = kept;
}

/** Orders the hits; returns their records when it had to read them. Equal ones stay in key order. */
export function* sortSteps(
  state: StoreState,
  hits: Hits,
  order: number,
  target: number,
): Steps<Uint8Array[] | undefined> {
  const { length } = hits;
  if (target === SortTarget.KEY) {
    hits.reorder(Array.from({ length }, (_, i) => length - 1 - i));
    return undefined;
  }
  const sign = order === SortOrder.DESCEND ? -1 : 1;
  const permutation = Array.from({ length }, (_, i) => i);
  if (target === SortTarget.VALUE) {
    const list = new RecordList();
    const values: Uint8Array[] = [];
    for (let i = 0; i < length; i++) {
      const record = recordOf(state, hits.mains[i]!, hits.subs[i]!);
      const at = list.begin(record.length);
      list.bytes.set(record, at);
      values.push(decodeKeyValue(list.records[i]!).value);
      if (i % STEP === STEP - 1) yield;
    }
    yield* sortInSteps(permutation, (a, b) => sign * compareBytes(values[a]!, values[b]!));
    hits.reorder(permutation);
    return permutation.map((i) => list.records[i]!);
  }
  const numbers: number[] = [];
  for (let i = 0; i < length; i++) {
    const main = hits.mains[i]!;
    if (target === SortTarget.MOD) numbers.push(main);
    else if (target === SortTarget.CREATE) numbers.push(createOf(state, hits.ids[i]!, main, hits.subs[i]!));
    else numbers.push(versionOf(state, hits.ids[i]!, main, hits.subs[i]!));
    if (i % STEP === STEP - 1) yield;
  }
  yield* sortInSteps(permutation, (a, b) => sign * (numbers[a]! - numbers[b]!));
  hits.reorder(permutation);
  return undefined;
}

/** Borrowed until the next call on the backend. */
export function recordOf(state: StoreState, main: number, sub: number): Uint8Array {
  const record = state.backend.getRevision(main, sub);
  assert(record !== undefined, "the backend has every record that the index names");
  return record;
}

export function createOf(state: StoreState, id: number, main: number, sub: number): number {
  const { entries } = state.index;
  if (entries.modMain(id) === main && entries.modSub(id) === sub) return entries.createMain(id);
  return decodeKeyValue(recordOf(state, main, sub)).createRevision;
}

function versionOf(state: StoreState, id: number, main: number, sub: number): number {
  const { entries } = state.index;
  if (entries.modMain(id) === main && entries.modSub(id) === sub) return entries.version(id);
  return decodeKeyValue(recordOf(state, main, sub)).version;
}

/** The record without its value, and without its lease unless asked for: the index does not know leases. */
export function keyOnly(
  state: StoreState,
  id: number,
  main: number,
  sub: number,
  withLease: boolean,
): Uint8Array {
  const { entries } = state.index;
  if (!withLease && entries.modMain(id) === main && entries.modSub(id) === sub) {
    return encodeKeyValue(
      entries.borrowKey(id),
      entries.createMain(id),
      main,
      entries.version(id),
      NO_BYTES,
      0n,
    );
  }
  const kv = decodeKeyValue(recordOf(state, main, sub));
  return encodeKeyValue(
    kv.key,
    kv.createRevision,
    kv.modRevision,
    kv.version,
    NO_BYTES,
    withLease ? kv.lease : 0n,
  );
}
