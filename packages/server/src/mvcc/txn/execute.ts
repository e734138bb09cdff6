import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import { inOneGo, type Steps } from "@quorate/storage/slices";
import type { RangeRequest, RequestOp, TxnRequest, TxnResponseParts } from "@quorate/wire/hot";
import { RequestError } from "../../errors.ts";
import { type RangeCaller, restInView } from "../range.ts";
import type { MvccStore } from "../store.ts";
import { countReads, type StoreState } from "../store-state.ts";
import { holdsForKey, holdsSteps } from "./compare.ts";
import { Erasures } from "./erasures.ts";
import type { TxnOutcome } from "./outcome.ts";
import { checkPutInState, type KeyLeases, readsBefore, runPut } from "./put.ts";
import { deletionResponse, keyResponse, NO_PARTS, recordsOfDeletion } from "./records-response.ts";
import { type Decision, putResponse, TxnRun, type WriteOp } from "./run.ts";
import { isRead, readAnswers, UnreadRange, UnreadTxn } from "./unread.ts";

/**
 * Executes a transaction that may write: decides all branches in the state before it, checks the chosen path so that
 * nothing can fail half way (throws RequestError without any effect), and then runs it. Records of ranges are copied into the
 * responses.
 */
export function executeTxn(store: MvccStore, request: TxnRequest, leases: KeyLeases): TxnOutcome {
  if (isPlain(request)) return executePlainTxn(store, request, leases);
  const outcome = inOneGo(txnSteps(store, request, leases));
  return outcome instanceof UnreadTxn ? inOneGo(outcome.steps()) : outcome;
}

/** Operations and compares of a transaction that is not worth steps, if each is of one key. */
const FEW = 8;

/** Whether a transaction is of a few single keys, so that `executePlainTxn` does. */
export function isPlain({ compare, success, failure }: TxnRequest): boolean {
  if (compare.length > FEW || success.length > FEW || failure.length > FEW) return false;
  for (let i = 0; i < compare.length; i++) if (compare[i]!.rangeEnd.length > 0) return false;
  return areOfOneKey(success) && areOfOneKey(failure);
}

function areOfOneKey(ops: readonly RequestOp[]): boolean {
  for (let i = 0; i < ops.length; i++) {
    const op = ops[i]!;
    if (op.kind === 2) continue;
    if (op.kind === 1 && op.range.rangeEnd.length === 0) continue;
    if (op.kind !== 3 || op.deleteRange.rangeEnd.length > 0) return false;
  }
  return true;
}

/** Hot: as `executeTxn` of a plain transaction, without steps. Unless it `isAwaited`, nothing is read to be told. */
export function executePlainTxn(
  store: MvccStore,
  request: TxnRequest,
  leases: KeyLeases,
  isAwaited = true,
): TxnOutcome {
  const { state } = store;
  const decision = decidePlain(state, request);
  countReads(state, decision.compared + checkPath(state, decision, leases, new Erasures()));
  const txn = store.beginWrite();
  const responses: TxnResponseParts[] = [];
  for (let i = 0; i < decision.ops.length; i++) {
    const op = decision.ops[i]!;
    if (op.kind === 1) {
      if (!isAwaited) continue;
      const at = op.range.revision > 0 ? op.range.revision : txn.revision;
      txn.countRange();
      responses.push(keyResponse(state, op.range, at, txn.revision));
    } else if (op.kind === 2) {
      if (isAwaited) responses.push({ kind: 2, body: putResponse(txn, op.put, leases), rest: NO_PARTS });
      else runPut(txn, op.put, leases, false);
    } else if (op.kind === 3) {
      const { key, prevKv, rangeEnd } = op.deleteRange;
      if (prevKv) txn.countRange();
      const records = isAwaited ? recordsOfDeletion(op.deleteRange) : undefined;
      const deleted = txn.deleteRange(key, rangeEnd, records, leases);
      if (isAwaited) responses.push(deletionResponse(txn.revision, deleted, records));
    }
  }
  return { revision: txn.end(), succeeded: decision.succeeded, responses };
}

function decidePlain(state: StoreState, request: TxnRequest): Decision {
  let succeeded = true;
  let compared = 0;
  while (compared < request.compare.length && succeeded) {
    succeeded = holdsForKey(state, request.compare[compared++]!, state.currentRevision);
  }
  return { succeeded, compared, ops: succeeded ? request.success : request.failure, nested: NOT_NESTED };
}

const NOT_NESTED: readonly Decision[] = [];

/**
 * As `executeTxn`, in steps; readers see the state before it until it ends. No entry may be applied meanwhile. What its
 * ranges find may be left unread, as much as others need not wait for. Unless it `isAwaited`, nothing is read to be told.
 */
export function* txnSteps(
  store: MvccStore,
  request: TxnRequest,
  leases: KeyLeases,
  isAwaited = true,
): Steps<TxnOutcome | UnreadTxn> {
  const { state } = store;
  const decision = yield* decideSteps(state, request, state.currentRevision);
  const erasures = new Erasures();
  countReads(state, decision.compared + checkPath(state, decision, leases, erasures));
  const txn = store.beginWrite();
  const run = new TxnRun(state, txn, leases, writesOf(decision), isAwaited);
  const answers = yield* txn.hiding(run.steps(decision));
  const { succeeded } = decision;
  const revision = txn.end();
  if (!answers.every(isRead)) return new UnreadTxn(state, revision, succeeded, answers, run.lowestUnread);
  return { revision, succeeded, responses: answers };
}

/** All that a decision leads to, in their order. */
function writesOf({ ops, nested }: Decision, writes: WriteOp[] = []): WriteOp[] {
  let next = 0;
  for (const op of ops) {
    if (op.kind === 2 || op.kind === 3) writes.push(op);
    else if (op.kind === 4) writesOf(nested[next++]!, writes);
  }
  return writes;
}

/**
 * Serves a transaction of ranges (see `isReadOnlyTxn`) from the current state, whatever is written meanwhile: at once when
 * that is little work, else in slices. Throws or rejects with what its ranges fail with. Keeps the request.
 */
export function executeReadOnlyTxn(
  store: MvccStore,
  request: TxnRequest,
  caller?: RangeCaller,
): TxnOutcome | Promise<TxnOutcome> {
  if (isPlain(request)) return readPlain(store.state, request);
  const steps = readOnlySteps(store.state, request);
  const step = store.state.reading.begin(steps);
  return step.done ? step.value : readRest(store, request, steps, caller);
}

function readPlain(state: StoreState, request: TxnRequest): TxnOutcome {
  const { currentRevision, compactRevision } = state;
  const { succeeded, compared, ops } = decidePlain(state, request);
  for (const op of ops) if (op.kind === 1) checkRevision(op.range, currentRevision, compactRevision);
  countReads(state, compared + ops.length);
  const responses: TxnResponseParts[] = [];
  for (const op of ops) {
    assert(op.kind === 1, "a read-only transaction has only ranges");
    const at = op.range.revision > 0 ? op.range.revision : currentRevision;
    responses.push(keyResponse(state, op.range, at, currentRevision));
  }
  return { revision: currentRevision, succeeded, responses };
}

async function readRest(
  store: MvccStore,
  request: TxnRequest,
  steps: Steps<TxnOutcome>,
  caller: RangeCaller | undefined,
): Promise<TxnOutcome> {
  const { state } = store;
  const at = lowestRevision(request, state.currentRevision, state.compactRevision);
  const outcome = await restInView(state, at, steps, caller);
  // Another state came in its place (a snapshot, newer than ours): read that.
  return outcome ?? executeReadOnlyTxn(store, request, caller);
}

/** The lowest revision that a transaction of ranges may read at, whichever branch it takes. */
function lowestRevision(txn: TxnRequest, currentRevision: Revision, compactRevision: Revision): Revision {
  let lowest = currentRevision;
  for (const ops of [txn.success, txn.failure]) {
    for (const op of ops) {
      if (op.kind !== 1 || op.range.revision <= 0 || op.range.revision < compactRevision) continue;
      lowest = Math.min(lowest, op.range.revision);
    }
  }
  return lowest;
}

function* readOnlySteps(state: StoreState, request: TxnRequest): Steps<TxnOutcome> {
  // What is current now stays so for the whole transaction.
  const { currentRevision, compactRevision } = state;
  const { succeeded, compared, ops } = yield* decideSteps(state, request, currentRevision);
  for (const op of ops) if (op.kind === 1) checkRevision(op.range, currentRevision, compactRevision);
  countReads(state, compared + ops.length);
  const answers = ops.map((op) => {
    assert(op.kind === 1, "a read-only transaction has only ranges");
    return new UnreadRange(
      op.range,
      op.range.revision > 0 ? op.range.revision : currentRevision,
      currentRevision,
    );
  });
  const responses = yield* readAnswers(state, answers);
  return { revision: currentRevision, succeeded, responses };
}

function* decideSteps(state: StoreState, txn: TxnRequest, at: number): Steps<Decision> {
  let succeeded = true;
  let compared = 0;
  for (const compare of txn.compare) {
    compared++;
    succeeded = yield* holdsSteps(state, compare, at);
    if (!succeeded) break;
  }
  const ops = succeeded ? txn.success : txn.failure;
  const nested: Decision[] = [];
  for (const op of ops) {
    if (op.kind !== 4) continue;
    const inner = yield* decideSteps(state, op.txn, at);
    compared += inner.compared;
    nested.push(inner);
  }
  return { succeeded, compared, ops, nested };
}

/** Returns how many of its operations look at what is there before them. */
function checkPath(state: StoreState, decision: Decision, leases: KeyLeases, erasures: Erasures): number {
  let nested = 0;
  let reads = 0;
  for (const op of decision.ops) {
    switch (op.kind) {
      case 1:
        checkRevision(op.range, state.currentRevision, state.compactRevision);
        break;
      case 2:
        checkPutInState(state, op.put, leases, erasures);
        if (readsBefore(op.put)) reads++;
        erasures.put(op.put.key);
        break;
      case 3:
        erasures.deleted(op.deleteRange);
        break;
      case 4:
        reads += checkPath(state, decision.nested[nested++]!, leases, erasures);
        break;
      default:
        // The API refuses it; should it be in the log nevertheless, all members refuse it alike.
        throw new RequestError("KEY_NOT_FOUND");
    }
  }
  return reads;
}

/** Unlike in a plain range, a negative revision is compared as it is. */
function checkRevision(
  { revision }: RangeRequest,
  currentRevision: Revision,
  compactRevision: Revision,
): void {
  if (revision === 0) return;
  if (revision > currentRevision) throw new RequestError("FUTURE_REVISION");
  if (revision < compactRevision) throw new RequestError("COMPACTED");
}
