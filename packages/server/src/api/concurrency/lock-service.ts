import { decode, encode } from "@quorate/wire";
import type { TxnResponse } from "@quorate/wire/etcdserverpb";
import type { KeyValue } from "@quorate/wire/mvccpb";
import {
  type LockRequest,
  LockRequestSchema,
  type LockResponse,
  LockResponseSchema,
  UnlockRequestSchema,
  UnlockResponseSchema,
} from "@quorate/wire/v3lockpb";
import { grpcError, RequestError } from "../../errors.ts";
import { waitingCallerOf } from "../callers.ts";
import type { ConcurrencyContext } from "../context.ts";
import type { Services } from "../services.ts";
import {
  createdAt,
  firstCreated,
  keyOf,
  leaseOf,
  leave,
  type Place,
  prefixOf,
  putOp,
  rangeOp,
  waitForEarlier,
} from "./contenders.ts";
import { OwnClient } from "./own-client.ts";

const NO_VALUE = new Uint8Array(0);

/** `v3lockpb.Lock`. */
export function addLockService(services: Services, { clock }: ConcurrencyContext): void {
  services.addAsync("/v3lockpb.Lock/Lock", async (message, call) => {
    const request = decode(LockRequestSchema, message.slice());
    const { signal } = waitingCallerOf(call);
    return encode(
      LockResponseSchema,
      await lock(new OwnClient(services.inner, clock, call), request, signal),
    );
  });
  services.addAsync("/v3lockpb.Lock/Unlock", async (message, call) => {
    const { key } = decode(UnlockRequestSchema, message.slice());
    const { header } = await new OwnClient(services.inner, clock, call).deleteKey(key);
    return encode(UnlockResponseSchema, { header: header! });
  });
}

async function lock(
  client: OwnClient,
  { name, lease: named }: LockRequest,
  signal: AbortSignal,
): Promise<Pick<LockResponse, "key" | "header">> {
  const prefix = prefixOf(name);
  const lease = await leaseOf(client, named);
  const key = keyOf(prefix, lease);
  const entered = await client.txn({
    compare: [createdAt(key, 0n)],
    success: [putOp(key, NO_VALUE, lease), rangeOp(firstCreated(prefix))],
    failure: [rangeOp({ key }), rangeOp(firstCreated(prefix))],
  });
  const place = { key, createRevision: createRevisionOf(entered) };
  const isFirst = found(entered, 1)?.createRevision === place.createRevision;
  if (isFirst && !(entered.succeeded && signal.aborted)) return { key, header: entered.header! };
  try {
    return { key, header: await waitForTurn(client, prefix, place, signal) };
  } catch (error) {
    await leave(client, place).catch(() => {});
    throw error;
  }
}

/** The header of the read that has found the own key still there when it was its turn. */
async function waitForTurn(client: OwnClient, prefix: Uint8Array, place: Place, signal: AbortSignal) {
  await waitForEarlier(client, prefix, place.createRevision, signal);
  const { kvs, header } = await client.range({ key: place.key });
  if (kvs.length === 0) throw new RequestError("SESSION_EXPIRED");
  // Nobody would know that it has the lock.
  if (signal.aborted) throw grpcError("CALL_CANCELED");
  return header!;
}

function createRevisionOf(entered: TxnResponse): bigint {
  return entered.succeeded ? entered.header!.revision : found(entered, 0)!.createRevision;
}

/** What a range of the transaction has found. */
function found({ responses }: TxnResponse, i: number): KeyValue | undefined {
  const { response } = responses[i]!;
  return response.case === "responseRange" ? response.value.kvs[0] : undefined;
}
