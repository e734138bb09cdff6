import type { RequestOp, TxnRequest } from "@quorate/wire/hot";
import { RequestError } from "../../errors.ts";
import { compareBytes } from "../../keys/bytes.ts";
import { isFromKey } from "../../keys/key-range.ts";

/**
 * Refuses (DUPLICATE_KEY) a put that keeps the old value or lease of a key which a "from key" delete of the same
 * execution has deleted before. The overlap check does not see such deletes, and an etcd member would die of the entry.
 */
export function checkPoison(txn: TxnRequest): void {
  walk(txn.success, undefined);
  walk(txn.failure, undefined);
}

/** `deletedFrom`: everything from this key on may be deleted by now. Returns what it is after the operations. */
function walk(ops: readonly RequestOp[], deletedFrom: Uint8Array | undefined): Uint8Array | undefined {
  let lowest = deletedFrom;
  for (const op of ops) {
    if (op.kind === 2) {
      const { key, ignoreValue, ignoreLease } = op.put;
      if (lowest === undefined || (!ignoreValue && !ignoreLease)) continue;
      if (compareBytes(lowest, key) <= 0) throw new RequestError("DUPLICATE_KEY");
    } else if (op.kind === 3) {
      if (isFromKey(op.deleteRange.rangeEnd)) lowest = lower(lowest, op.deleteRange.key);
    } else if (op.kind === 4) {
      lowest = lower(walk(op.txn.success, lowest), walk(op.txn.failure, lowest));
    }
  }
  return lowest;
}

function lower(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) <= 0 ? a : b;
}
