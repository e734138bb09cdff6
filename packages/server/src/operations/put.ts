import type { Revision } from "@quorate/storage/seams/backend";
import {
  decodePutRequest,
  encodePutResponse,
  InternalField,
  type PutRequest,
  releaseMessage,
} from "@quorate/wire/hot";
import { checkPut } from "../mvcc/txn/check.ts";
import { checkPutInState, runPut } from "../mvcc/txn/put.ts";
import type { Needs } from "./access.ts";
import { NO_RANGE_END } from "./keys.ts";
import { clientOperation } from "./operation.ts";

export interface PutOutcome {
  readonly revision: Revision;
  /** The previous record, if asked for and there was one; owned. */
  readonly prevKv: Uint8Array | undefined;
}

const OVERHEAD_BYTES = 256;

/** `KV.Put`. Hot. */
export const PUT = clientOperation<PutRequest, PutOutcome>({
  field: InternalField.put,
  decode: decodePutRequest,
  check: checkPut,
  costBytes: costOfPut,
  needsWhenApplied: needsOfPut,
  apply({ store, lessor }, request, isAwaited) {
    checkPutInState(store.state, request, lessor);
    const txn = store.beginWrite();
    const prevKv = runPut(txn, request, lessor, isAwaited && request.prevKv);
    return { revision: txn.end(), prevKv };
  },
  answer(headers, { revision, prevKv }, call) {
    call.reply(encodePutResponse(headers.bytes(revision), prevKv), releaseMessage);
  },
});

/** Also of one in a transaction. */
export function costOfPut({ key, value }: PutRequest): number {
  return OVERHEAD_BYTES + key.length + value.length;
}

/** Also of one in a transaction. To keep a value or a lease needs nothing more. */
export function needsOfPut({ key, lease, prevKv }: PutRequest, needs: Needs): void {
  needs.write(key, NO_RANGE_END);
  if (lease !== 0n) needs.writeAttached(lease);
  if (prevKv) needs.read(key, NO_RANGE_END);
}
