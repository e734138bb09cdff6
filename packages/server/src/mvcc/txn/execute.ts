import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import { costOf, inOneGo, type Steps } from "@quorate/storage/slices";
import {
  EMPTY,
  encodeInnerHeader,
  encodePutResponse,
  encodeTxnResponse,
  encodeTxnResponseInParts,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
  type TxnResponseParts,
} from "@quorate/wire/hot";
import { RequestError } from "../../errors.ts";
import { type RangeCaller, restInView } from "../range.ts";
import type { MvccStore, WriteTxn } from "../store.ts";
import type { StoreState } from "../store-state.ts";
import { holdsForKey, holdsSteps } from "./compare.ts";
import { Erasures } from "./erasures.ts";
import { checkPutInState, type KeyLeases, runPut } from "./put.ts";
import {
  deletionResponse,
  keyResponse,
  NO_PARTS,
  rangeResponseSteps,
  recordsOfDeletion,
} from "./records-response.ts";

export interface TxnOutcome {
  /** For the outer header: the new revision, or the old one when nothing changed. */
  readonly revision: Revision;
  readonly succeeded: boolean;
  /**
   * Encoded responses for `encodeTxnResponse`, inner headers included; `kind` is the field number. Owned. None of a
   * transaction that nobody waits for.
   */
  readonly responses: readonly TxnResponseParts[];
}

/** Which branch a transaction takes, and those that it contains. */
interface Decision {
  readonly succeeded: boolean;
  readonly ops: readonly RequestOp[];
  /** Of the nested transactions among `ops`, in their order. */
  readonly nested: readonly Decision[];
}

/**
 * Executes a transaction that may write: decides all branches in the state before it, checks the chosen path so that
 * nothing can fail half way (throws RequestError without any effect), and then runs it. Records of ranges are copied into the
 * responses.
 */
export function executeTxn(store: MvccStore, request: TxnRequest, leases: KeyLeases): TxnOutcome {
  return isPlain(request)
    ? executePlainTxn(store, request, leases)
    : inOneGo(txnSteps(store, request, leases));
}

/** Responses of so many bytes are copied into that of the transaction: well below a millisecond. */
const MOST_COPIED_BYTES = 2 ** 18;

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
  checkPath(state, decision, leases, new Erasures());
  const txn = store.beginWrite();
  const responses: TxnResponseParts[] = [];
  for (let i = 0; i < decision.ops.length; i++) {
    const op = decision.ops[i]!;
    if (op.kind === 1) {
      if (!isAwaited) continue;
      const at = op.range.revision > 0 ? op.range.revision : txn.revision;
      responses.push(keyResponse(state, op.range, at, txn.revision));
    } else if (op.kind === 2) {
      if (isAwaited) responses.push({ kind: 2, body: putResponse(txn, op.put, leases), rest: NO_PARTS });
      else runPut(txn, op.put, leases, false);
    } else if (op.kind === 3) {
      const { key, rangeEnd } = op.deleteRange;
      const records = isAwaited ? recordsOfDeletion(op.deleteRange) : undefined;
      const deleted = txn.deleteRange(key, rangeEnd, records, leases);
      if (isAwaited) responses.push(deletionResponse(txn.revision, deleted, records));
    }
  }
  return { revision: txn.end(), succeeded: decision.succeeded, responses };
}

function decidePlain(state: StoreState, request: TxnRequest): Decision {
  let succeeded = true;
  for (let i = 0; i < request.compare.length && succeeded; i++) {
    succeeded = holdsForKey(state, request.compare[i]!, state.currentRevision);
  }
  return { succeeded, ops: succeeded ? request.success : request.failure, nested: NOT_NESTED };
}

const NOT_NESTED: readonly Decision[] = [];

/**
 * As `executeTxn`, in steps; readers see the state before it until it ends. No entry may be applied meanwhile. Unless it
 * `isAwaited`, nothing is read to be told.
 */
export function* txnSteps(
  store: MvccStore,
  request: TxnRequest,
  leases: KeyLeases,
  isAwaited = true,
): Steps<TxnOutcome> {
  const { state } = store;
  const decision = yield* decideSteps(state, request, state.currentRevision);
  const erasures = new Erasures();
  checkPath(state, decision, leases, erasures);
  const txn = store.beginWrite();
  const responses = yield* txn.hiding(runSteps(state, decision, txn, leases, isAwaited));
  return { revision: txn.end(), succeeded: decision.succeeded, responses };
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
  const { succeeded, ops } = decidePlain(state, request);
  for (const op of ops) if (op.kind === 1) checkRevision(op.range, currentRevision, compactRevision);
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
  const { succeeded, ops } = yield* decideSteps(state, request, currentRevision);
  for (const op of ops) if (op.kind === 1) checkRevision(op.range, currentRevision, compactRevision);
  const responses: TxnResponseParts[] = [];
  for (const op of ops) {
    assert(op.kind === 1, "a read-only transaction has only ranges");
    const at = op.range.revision > 0 ? op.range.revision : currentRevision;
    responses.push(yield* rangeResponseSteps(state, op.range, at, currentRevision));
  }
  return { revision: currentRevision, succeeded, responses };
}

function* decideSteps(state: StoreState, txn: TxnRequest, at: number): Steps<Decision> {
  let succeeded = true;
  for (const compare of txn.compare) {
    succeeded = yield* holdsSteps(state, compare, at);
    if (!succeeded) break;
  }
  const ops = succeeded ? txn.success : txn.failure;
  const nested: Decision[] = [];
  for (const op of ops) if (op.kind === 4) nested.push(yield* decideSteps(state, op.txn, at));
  return { succeeded, ops, nested };
}

function checkPath(state: StoreState, decision: Decision, leases: KeyLeases, erasures: Erasures): void {
  let nested = 0;
  for (const op of decision.ops) {
    switch (op.kind) {
      case 1:
        checkRevision(op.range, state.currentRevision, state.compactRevision);
        break;
      case 2:
        checkPutInState(state, op.put, leases, erasures);
        erasures.put(op.put.key);
        break;
      case 3:
        erasures.deleted(op.deleteRange);
        break;
      case 4:
        checkPath(state, decision.nested[nested++]!, leases, erasures);
        break;
      default:
        // The API refuses it; should it be in the log nevertheless, all members refuse it alike.
        throw new RequestError("KEY_NOT_FOUND");
    }
  }
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

function* runSteps(
  state: StoreState,
  decision: Decision,
  txn: WriteTxn,
  leases: KeyLeases,
  isAwaited: boolean,
): Steps<TxnResponseParts[]> {
  const responses: TxnResponseParts[] = [];
  let nested = 0;
  for (const op of decision.ops) {
    switch (op.kind) {
      case 1: {
        if (!isAwaited) break;
        // Without a revision of its own it sees what the transaction has done so far.
        const at = op.range.revision > 0 ? op.range.revision : txn.revision;
        responses.push(yield* rangeResponseSteps(state, op.range, at, txn.revision));
        break;
      }
      case 2: {
        let bytes = op.put.value.length;
        if (isAwaited) {
          const body = putResponse(txn, op.put, leases);
          responses.push({ kind: 2, body, rest: NO_PARTS });
          bytes += body.length;
        } else runPut(txn, op.put, leases, false);
        yield costOf(1, bytes);
        break;
      }
      case 3: {
        const { key, rangeEnd } = op.deleteRange;
        const records = isAwaited ? recordsOfDeletion(op.deleteRange) : undefined;
        const deleted =
          rangeEnd.length === 0
            ? txn.deleteRange(key, rangeEnd, records, leases)
            : yield* txn.deleteRangeSteps(key, rangeEnd, records, leases);
        yield costOf(1, records?.size ?? 0);
        if (isAwaited) responses.push(deletionResponse(txn.revision, deleted, records));
        break;
      }
      case 4: {
        const inner = decision.nested[nested++]!;
        const answers = yield* runSteps(state, inner, txn, leases, isAwaited);
        if (isAwaited) responses.push(nestedResponse(inner.succeeded, answers));
        break;
      }
    }
  }
  return responses;
}

function nestedResponse(succeeded: boolean, responses: readonly TxnResponseParts[]): TxnResponseParts {
  if (!isInParts(responses)) {
    return { kind: 4, body: encodeTxnResponse(EMPTY, succeeded, responses), rest: NO_PARTS };
  }
  const [body, ...rest] = encodeTxnResponseInParts(EMPTY, succeeded, responses);
  return { kind: 4, body: body!, rest };
}

/** Whether they are too large, one of them or all together, to be copied into the response of the transaction. */
export function isInParts(responses: readonly TxnResponseParts[]): boolean {
  let bytes = 0;
  for (let i = 0; i < responses.length; i++) {
    const { body, rest } = responses[i]!;
    bytes += body.length;
    if (rest.length > 0 || bytes > MOST_COPIED_BYTES) return true;
  }
  return false;
}

function putResponse(txn: WriteTxn, put: PutRequest, leases: KeyLeases): Uint8Array {
  const prevKv = runPut(txn, put, leases, put.prevKv);
  return encodePutResponse(encodeInnerHeader(txn.revision), prevKv);
}
