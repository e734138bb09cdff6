import {
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  WatchCreateRequest_FilterType as WatchFilter,
} from "@quorate/wire/etcdserverpb";
import type { KeyValue } from "@quorate/wire/mvccpb";
import { isRefusedWith } from "../../errors.ts";
import type { OwnClient } from "./own-client.ts";

/*
 * Who wants a lock, or to be elected, puts a key of its own under the name of that: whose key was created first has it, and
 * the others wait for those before them.
 */

const SLASH = 0x2f;
const SESSION_TTL_SECONDS = 60n;

/** A key of a contender, and the revision at which it was created. */
export interface Place {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
}

/** What the keys of all contenders for `name` begin with. */
export function prefixOf(name: Uint8Array): Uint8Array {
  return Buffer.concat([name, Uint8Array.of(SLASH)]);
}

/** The key of the contender that holds `lease`. */
export function keyOf(prefix: Uint8Array, lease: bigint): Uint8Array {
  return Buffer.concat([prefix, Buffer.from(lease.toString(16))]);
}

/** The lease that a contender has named, or a new one. */
export async function leaseOf(client: OwnClient, named: bigint): Promise<bigint> {
  return named === 0n ? (await client.grantLease(SESSION_TTL_SECONDS)).ID : named;
}

/** A range that finds the contender whose turn it is. */
export function firstCreated(prefix: Uint8Array) {
  return { ...allUnder(prefix), sortOrder: SortOrder.ASCEND, sortTarget: SortTarget.CREATE, limit: 1n };
}

export function allUnder(prefix: Uint8Array) {
  const rangeEnd = Uint8Array.from(prefix);
  rangeEnd[rangeEnd.length - 1] = SLASH + 1;
  return { key: prefix, rangeEnd };
}

/** Whether `key` was created at this revision; 0: whether there is none. */
export function createdAt(key: Uint8Array, createRevision: bigint) {
  const targetUnion = { case: "createRevision" as const, value: createRevision };
  return { key, target: CompareTarget.CREATE, result: CompareResult.EQUAL, targetUnion };
}

export function putOp(key: Uint8Array, value: Uint8Array, lease: bigint) {
  return { request: { case: "requestPut" as const, value: { key, value, lease } } };
}

export function rangeOp(value: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array }) {
  return { request: { case: "requestRange" as const, value } };
}

/** Takes the key away, if it is still the one that was created then. */
export async function leave(client: OwnClient, { key, createRevision }: Place) {
  return await client.txn({
    compare: [createdAt(key, createRevision)],
    success: [{ request: { case: "requestDeleteRange", value: { key } } }],
  });
}

/** Resolves when no contender is left that came before `createRevision`. Fails as soon as `signal` fires. */
export async function waitForEarlier(
  client: OwnClient,
  prefix: Uint8Array,
  createRevision: bigint,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { header, kvs } = await client.range({
      ...allUnder(prefix),
      sortOrder: SortOrder.DESCEND,
      sortTarget: SortTarget.CREATE,
      limit: 1n,
      maxCreateRevision: createRevision - 1n,
      keysOnly: true,
    });
    const [last] = kvs;
    if (last === undefined) return;
    await waitForDeletion(client, last, header!.revision + 1n, signal);
  }
}

/** Resolves when `key` may be gone. */
async function waitForDeletion(
  client: OwnClient,
  { key }: KeyValue,
  startRevision: bigint,
  signal: AbortSignal,
): Promise<void> {
  const deletions = client.watch({ key, startRevision, filters: [WatchFilter.NOPUT] }, signal);
  try {
    await deletions.next();
  } catch (error) {
    // Whether it has been deleted meanwhile is seen by looking again.
    if (!isRefusedWith(error, "COMPACTED")) throw error;
  } finally {
    await deletions.return();
  }
}
