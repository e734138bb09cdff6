import type { RequestOp, TxnRequest } from "@quorate/wire/hot";
import { RequestError } from "../../errors.ts";
import { successorOf } from "../../keys/bytes.ts";
import { IntervalSet } from "./interval-set.ts";

/** What the operations of a list may touch: the keys put (by their bytes as a string) and the intervals deleted. */
interface Touched {
  puts: Map<string, Uint8Array>;
  deletes: IntervalSet;
}

/**
 * Refuses (DUPLICATE_KEY) a put of a key that another put or a delete of the same execution could touch. The procedure is
 * etcd's, with its consequences: a delete's `range_end` is taken literally, so one "from key" conflicts with nothing; a
 * put in one nested transaction may be followed by its deletion in the next, but not the other way round.
 */
export function checkOverlap(txn: TxnRequest): void {
  if (!hasPut(txn)) return;
  if (mayOverlap(txn.success)) collect(txn.success);
  if (mayOverlap(txn.failure)) collect(txn.failure);
}

/** One operation alone meets no other, as most transactions have it: those are hot. */
function mayOverlap(ops: readonly RequestOp[]): boolean {
  return ops.length > 1 || (ops.length === 1 && ops[0]!.kind === 4);
}

function hasPut({ success, failure }: TxnRequest): boolean {
  const isOrHasPut = (op: RequestOp): boolean => op.kind === 2 || (op.kind === 4 && hasPut(op.txn));
  return success.some(isOrHasPut) || failure.some(isOrHasPut);
}

function collect(ops: readonly RequestOp[]): Touched {
  const deletes = new IntervalSet();
  const intervals: [start: Uint8Array, end: Uint8Array][] = [];
  for (const op of ops) {
    if (op.kind !== 3) continue;
    const { key, rangeEnd } = op.deleteRange;
    intervals.push([key, rangeEnd.length === 0 ? successorOf(key) : rangeEnd]);
  }
  deletes.addMany(intervals);
  const touched: Touched = { puts: new Map(), deletes };
  for (const op of ops) if (op.kind === 4) addNested(touched, op.txn);
  for (const op of ops) {
    if (op.kind !== 2) continue;
    const { key } = op.put;
    const name = nameOf(key);
    if (touched.puts.has(name) || deletes.covers(key)) throw new RequestError("DUPLICATE_KEY");
    touched.puts.set(name, key);
  }
  return touched;
}

function addNested(touched: Touched, txn: TxnRequest): void {
  const success = collect(txn.success);
  const failure = collect(txn.failure);
  const { deletes } = touched;
  refuseCovered(success, deletes);
  refuseCovered(failure, deletes);
  // Only one branch runs, so their puts may be the same among each other.
  for (const name of failure.puts.keys()) {
    if (touched.puts.has(name)) throw new RequestError("DUPLICATE_KEY");
  }
  if (touched.puts.size === 0) {
    touched.puts = success.puts;
  } else {
    for (const [name, key] of success.puts) {
      if (touched.puts.has(name)) throw new RequestError("DUPLICATE_KEY");
      touched.puts.set(name, key);
    }
  }
  for (const [name, key] of failure.puts) touched.puts.set(name, key);
  deletes.addAll(success.deletes);
  deletes.addAll(failure.deletes);
}

function refuseCovered({ puts }: Touched, deletes: IntervalSet): void {
  if (deletes.isEmpty) return;
  for (const key of puts.values()) if (deletes.covers(key)) throw new RequestError("DUPLICATE_KEY");
}

const nameOf = (key: Uint8Array): string =>
  Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
