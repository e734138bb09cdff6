import type { ServerCall } from "@quorate/rpc/server";
import {
  decodeTxnRequest,
  encodeTxnResponse,
  encodeTxnResponseInParts,
  InternalField,
  type RequestOp,
  releaseMessage,
  type TxnRequest,
} from "@quorate/wire/hot";
import { releaseAnswerPart } from "../answer-memory.ts";
import type { MvccStore } from "../mvcc/store.ts";
import { checkTxn } from "../mvcc/txn/check.ts";
import { executePlainTxn, executeReadOnlyTxn, isPlain, txnSteps } from "../mvcc/txn/execute.ts";
import { isInParts, type TxnOutcome } from "../mvcc/txn/outcome.ts";
import { releaseResponses } from "../mvcc/txn/records-response.ts";
import { UnreadTxn } from "../mvcc/txn/unread.ts";
import type { Needs } from "./access.ts";
import { needsOfDeletion } from "./delete-range.ts";
import { clientOperation, inSlices, type KeyCounts, keysOfInterval } from "./operation.ts";
import { costOfPut, needsOfPut } from "./put.ts";
import { needsOfRange } from "./range.ts";
import type { ResponseHeaders } from "./response-headers.ts";

/** `KV.Txn` of one that may write; one that only reads is served like a range (`answerReadOnlyTxn`). */
export const TXN = clientOperation<TxnRequest, TxnOutcome | UnreadTxn>({
  field: InternalField.txn,
  decode: decodeTxnRequest,
  check: (request, { maxTxnOps }) => checkTxn(request, maxTxnOps),
  costBytes: costOfTxn,
  keysInEntry: (request, store) => (isPlain(request) ? 0 : keysOfTxn(request, store)),
  needsWhenApplied: needsOfTxn,
  apply(state, request, isAwaited) {
    const { store, lessor } = state;
    if (isPlain(request)) return executePlainTxn(store, request, lessor, isAwaited);
    return inSlices(state, txnSteps(store, request, lessor, isAwaited));
  },
  answer(headers, outcome, call) {
    if (outcome instanceof UnreadTxn) return replyUnread(headers, outcome, call);
    reply(headers.bytes(outcome.revision), outcome, call);
    return undefined;
  },
  drop(outcome) {
    if (outcome instanceof UnreadTxn) outcome.drop();
    else releaseResponses(outcome.responses);
  },
});

/** The dearer of the branches, nested transactions likewise. */
function costOfTxn({ success, failure }: TxnRequest): number {
  return Math.max(costOfBranch(success), costOfBranch(failure));
}

function costOfBranch(ops: readonly RequestOp[]): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === 2) cost += costOfPut(op.put);
    else if (op.kind === 4) cost += costOfTxn(op.txn);
  }
  return cost;
}

/** What its compares look at, and the longer of the branches: ranges that can be read behind the entry included. */
function keysOfTxn({ compare, success, failure }: TxnRequest, store: KeyCounts): number {
  let keys = Math.max(keysOfBranch(success, store), keysOfBranch(failure, store));
  for (const each of compare) keys += keysOfInterval(each, store);
  return keys;
}

function keysOfBranch(ops: readonly RequestOp[], store: KeyCounts): number {
  let keys = ops.length;
  for (const op of ops) {
    if (op.kind === 4) keys += keysOfTxn(op.txn, store);
    else if (op.kind === 1) keys += keysOfInterval(op.range, store);
    else if (op.kind === 3) keys += keysOfInterval(op.deleteRange, store);
  }
  return keys;
}

/** Of both branches, whichever is taken. */
export function needsOfTxn({ compare, success, failure }: TxnRequest, needs: Needs): void {
  for (const { key, rangeEnd } of compare) needs.read(key, rangeEnd);
  for (const op of success) needsOfOp(op, needs);
  for (const op of failure) needsOfOp(op, needs);
}

function needsOfOp(op: RequestOp, needs: Needs): void {
  switch (op.kind) {
    case 1:
      needsOfRange(op.range, needs);
      break;
    case 2:
      needsOfPut(op.put, needs);
      break;
    case 3:
      needsOfDeletion(op.deleteRange, needs);
      break;
    case 4:
      needsOfTxn(op.txn, needs);
      break;
  }
}

/** As `RANGE.answer`, of a transaction of ranges. */
export function answerReadOnlyTxn(
  headers: ResponseHeaders,
  store: MvccStore,
  request: TxnRequest,
  call: ServerCall,
  needs?: Needs,
): Promise<void> | undefined {
  const outcome = executeReadOnlyTxn(store, request, call);
  if (outcome instanceof Promise) return replyLater(headers, outcome, call, needs);
  reply(headers.bytes(outcome.revision), outcome, call);
  return undefined;
}

async function replyLater(
  headers: ResponseHeaders,
  outcome: Promise<TxnOutcome>,
  call: ServerCall,
  needs: Needs | undefined,
): Promise<void> {
  const read = await outcome;
  try {
    needs?.unchanged();
  } catch (error) {
    releaseResponses(read.responses);
    throw error;
  }
  reply(headers.bytes(read.revision), read, call);
}

/** What its entry has left unread is read behind it, as long as the client is there. */
async function replyUnread(headers: ResponseHeaders, unread: UnreadTxn, call: ServerCall): Promise<void> {
  // With the term of its entry.
  const header = headers.bytes(unread.revision);
  const reading = unread.read(call);
  call.onCancel = () => unread.cancel();
  reply(header, await reading, call);
}

function reply(header: Uint8Array, { succeeded, responses }: TxnOutcome, call: ServerCall): void {
  if (isInParts(responses)) {
    call.replyInParts(encodeTxnResponseInParts(header, succeeded, responses), releaseAnswerPart);
  } else {
    call.reply(encodeTxnResponse(header, succeeded, responses), releaseMessage);
    // They were copied into it.
    releaseResponses(responses);
  }
}
