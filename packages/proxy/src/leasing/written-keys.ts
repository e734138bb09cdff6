import type { RequestOp, TxnRequest, TxnResponse } from "@quorate/wire/messages";
import { type KeyRange, nameOf } from "../cache/key-range.ts";
import type { Change } from "./owned-key.ts";

/** What a transaction may write, in any of its branches. */
export interface WrittenKeys {
  readonly single: ReadonlyMap<string, Uint8Array>;
  readonly ranges: readonly KeyRange[];
  /** Of the single ones, those that may hang on a lease then: nobody may own them, for it ends without a word to owners. */
  readonly leased: readonly Uint8Array[];
}

export function writtenKeys(request: TxnRequest): WrittenKeys {
  const single = new Map<string, Uint8Array>();
  const ranges: KeyRange[] = [];
  const leased: Uint8Array[] = [];
  const walk = ({ success, failure }: TxnRequest): void => {
    for (const op of [...success, ...failure]) {
      const { requestPut: put, requestDeleteRange: deletion, requestTxn } = op;
      if (put !== undefined) {
        single.set(nameOf(put.key), put.key);
        if (put.lease !== 0n) leased.push(put.key);
      } else if (deletion !== undefined) {
        if (deletion.rangeEnd.length === 0) single.set(nameOf(deletion.key), deletion.key);
        else ranges.push(deletion);
      } else if (requestTxn !== undefined) walk(requestTxn);
    }
  };
  walk(request);
  return { single, ranges, leased };
}

/** One range that has all of these keys in it, of which there is at least one. */
export function coveringRange(keys: Iterable<Uint8Array>): KeyRange {
  const sorted = [...keys].sort(Buffer.compare);
  return { key: sorted[0]!, rangeEnd: Buffer.concat([sorted.at(-1)!, Uint8Array.of(0)]) };
}

/** What has become of single keys, by key; `revision` is that of the transaction. */
export function changesOf(
  request: TxnRequest,
  response: TxnResponse,
  revision: bigint,
): ReadonlyMap<string, Change> {
  const changes = new Map<string, Change>();
  const walk = ({ success, failure }: TxnRequest, { succeeded, responses }: TxnResponse): void => {
    const ops: readonly RequestOp[] = succeeded ? success : failure;
    for (const [i, { requestPut: put, requestDeleteRange: deletion, requestTxn }] of ops.entries()) {
      if (put !== undefined) changes.set(nameOf(put.key), { revision, put });
      else if (deletion !== undefined && deletion.rangeEnd.length === 0) {
        // One that has deleted nothing has made no revision.
        const { deleted = 0n } = responses[i]?.responseDeleteRange ?? {};
        if (deleted > 0n) changes.set(nameOf(deletion.key), { revision, put: undefined });
      } else if (requestTxn !== undefined) {
        const nested = responses[i]?.responseTxn;
        if (nested !== undefined) walk(requestTxn, nested);
      }
    }
  };
  walk(request, response);
  return changes;
}
