import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import type { Backend } from "@quorate/storage/seams/backend";
import type { SliceLimits } from "@quorate/storage/slices";
import { RestlessClock } from "@quorate/testkit/clock";
import {
  type Compare,
  type DeleteRangeRequest,
  decodeKeyValue,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from "@quorate/wire/hot";
import { NO_BYTES } from "../keys/bytes.ts";
import type { RangeResult } from "./range.ts";
import { RecordList } from "./record-list.ts";
import { MvccStore, type MvccStoreOptions } from "./store.ts";

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
export const text = (value: Uint8Array): string => Buffer.from(value).toString("latin1");
/** Every key there is. */
export const ALL = { key: bytes("\0"), rangeEnd: bytes("\0") };

/** So that also the work of small tests is cut into slices. */
export const SHORT_SLICES: SliceLimits = { turn: 1024, small: 1024 };

/** Short timers fire as soon as they can, long ones when told to. */
export class PatientClock extends RestlessClock {
  readonly long: (() => void)[] = [];
  override setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    if (delayMs < 1000) return super.setTimer(delayMs, callback);
    this.long.push(callback);
    return { cancel: () => this.long.splice(this.long.indexOf(callback), 1) };
  }
}

export function memoryBackend(): MemoryBackend {
  return new MemoryBackend({ clock: new RestlessClock() });
}

export function openStore(backend: Backend, options?: Partial<MvccStoreOptions>): Promise<MvccStore> {
  return MvccStore.open({ backend, clock: new RestlessClock(), slices: SHORT_SLICES, ...options });
}

export function rangeRequest(fields: Partial<RangeRequest>): RangeRequest {
  return {
    key: NO_BYTES,
    rangeEnd: NO_BYTES,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...fields,
  };
}

/** `store.rangeInto` with its records in a list. */
export async function rangeSliced(
  store: MvccStore,
  request: RangeRequest,
  signal?: AbortSignal,
): Promise<RangeResult> {
  const list = new RecordList();
  const caller = {
    get ended() {
      return signal?.aborted ?? false;
    },
  };
  const outcome = await store.rangeInto({ ...request }, list, caller);
  return { ...outcome, kvs: list.records };
}

export function putRequest(key: string, fields: Partial<PutRequest> = {}): PutRequest {
  return {
    key: bytes(key),
    value: NO_BYTES,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...fields,
  };
}

export const op = {
  range: (key: string, rangeEnd = "", fields: Partial<RangeRequest> = {}): RequestOp => ({
    kind: 1,
    range: rangeRequest({ key: bytes(key), rangeEnd: bytes(rangeEnd), ...fields }),
  }),
  put: (key: string, value = "", fields: Partial<PutRequest> = {}): RequestOp => ({
    kind: 2,
    put: putRequest(key, { value: bytes(value), ...fields }),
  }),
  delete: (key: string, rangeEnd = "", fields: Partial<DeleteRangeRequest> = {}): RequestOp => ({
    kind: 3,
    deleteRange: { key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv: false, ...fields },
  }),
  txn: (fields: Partial<TxnRequest>): RequestOp => ({ kind: 4, txn: txnRequest(fields) }),
  none: { kind: 0 } as RequestOp,
};

export function txnRequest(fields: Partial<TxnRequest>): TxnRequest {
  return { compare: [], success: [], failure: [], ...fields };
}

export function compare(key: string, fields: Partial<Compare>): Compare {
  return {
    result: 0,
    target: 0,
    key: bytes(key),
    rangeEnd: NO_BYTES,
    operand: 0,
    number: 0,
    value: NO_BYTES,
    lease: 0n,
    ...fields,
  };
}

export function put(store: MvccStore, key: string, value: string, lease = 0n): number {
  const txn = store.beginWrite();
  txn.put(bytes(key), bytes(value), lease);
  return txn.end();
}

export function remove(store: MvccStore, key: string, rangeEnd = ""): number {
  const txn = store.beginWrite();
  txn.deleteRange(bytes(key), bytes(rangeEnd));
  return txn.end();
}

/** `key(create,mod,version)=value` of an encoded record. */
export function describe(record: Uint8Array): string {
  const kv = decodeKeyValue(record);
  return `${text(kv.key)}(${kv.createRevision},${kv.modRevision},${kv.version})=${text(kv.value)}`;
}

/** All records of table `key`, as `main.sub key` and `t` for a tombstone. */
export function tableContent(backend: Backend): string[] {
  const content: string[] = [];
  for (const { main, sub, tombstone, record } of backend.scanRevisions(0, Number.MAX_SAFE_INTEGER)) {
    content.push(`${main}.${sub}${tombstone ? "t" : ""} ${text(decodeKeyValue(record).key)}`);
  }
  return content;
}
