import type { Revision } from "@quorate/storage/seams/backend";
import { costOf, endSteps, type Steps } from "@quorate/storage/slices";
import {
  type DeleteRangeRequest,
  encodeInnerHeader,
  encodePutResponse,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnResponseParts,
} from "@quorate/wire/hot";
import { rangeContains, rangesMeet } from "../../keys/key-range.ts";
import { isLatest, type StoreState } from "../store-state.ts";
import type { WriteTxn } from "../write-txn.ts";
import { nestedResponse } from "./outcome.ts";
import { type KeyLeases, runPut } from "./put.ts";
import { deletionResponse, NO_PARTS, rangeResponseSteps, recordsOfDeletion } from "./records-response.ts";
import { type Answer, isRead, UnreadNested, UnreadRange } from "./unread.ts";

/** Which branch a transaction takes, and those that it contains. */
export interface Decision {
  readonly succeeded: boolean;
  /** So many compares were looked at, those of nested ones included. */
  readonly compared: number;
  readonly ops: readonly RequestOp[];
  /** Of the nested transactions among `ops`, in their order. */
  readonly nested: readonly Decision[];
}

/** An operation that changes something. */
export type WriteOp = Extract<RequestOp, { kind: 2 | 3 }>;

/** With more writes behind a range, nobody looks whether they leave it as it is. */
const MOST_WRITES_LOOKED_AT = 64;

/** Carries out what a transaction has decided, in steps, and leaves unread what is much and can as well be read behind it. */
export class TxnRun {
  /** The lowest revision of what it leaves unread; Infinity when that is nothing. */
  lowestUnread = Number.POSITIVE_INFINITY;
  readonly #state: StoreState;
  readonly #txn: WriteTxn;
  readonly #leases: KeyLeases;
  readonly #isAwaited: boolean;
  readonly #writes: readonly WriteOp[];
  /** Of `#writes`, how many are done. */
  #written = 0;
  /** What may still be read that need not be. */
  #costLeft: number;

  /**
   * `writes` are all that the decision leads to, in their order. Unless it `isAwaited`, nothing is read to be told, and
   * nothing left unread.
   */
  constructor(
    state: StoreState,
    txn: WriteTxn,
    leases: KeyLeases,
    writes: readonly WriteOp[],
    isAwaited: boolean,
  ) {
    this.#state = state;
    this.#txn = txn;
    this.#leases = leases;
    this.#writes = writes;
    this.#isAwaited = isAwaited;
    this.#costLeft = state.entryReadCost;
  }

  /** The answers of the operations, none of which nobody waits for. */
  *steps({ ops, nested }: Decision): Steps<Answer[]> {
    const answers: Answer[] = [];
    let next = 0;
    for (const op of ops) {
      switch (op.kind) {
        case 1:
          if (this.#isAwaited) answers.push(yield* this.#range(op.range));
          break;
        case 2: {
          let bytes = op.put.value.length;
          this.#written += 1;
          if (this.#isAwaited) {
            const body = putResponse(this.#txn, op.put, this.#leases);
            answers.push({ kind: 2, body, rest: NO_PARTS });
            bytes += body.length;
          } else runPut(this.#txn, op.put, this.#leases, false);
          yield costOf(1, bytes);
          break;
        }
        case 3: {
          this.#written += 1;
          const answer = yield* this.#delete(op.deleteRange);
          if (this.#isAwaited) answers.push(answer);
          break;
        }
        case 4: {
          const inner = nested[next++]!;
          const innerAnswers = yield* this.steps(inner);
          if (!this.#isAwaited) break;
          answers.push(
            innerAnswers.every(isRead)
              ? nestedResponse(inner.succeeded, innerAnswers)
              : new UnreadNested(inner.succeeded, innerAnswers),
          );
          break;
        }
      }
    }
    return answers;
  }

  *#range(request: RangeRequest): Steps<Answer> {
    const state = this.#state;
    this.#txn.countRange();
    const { revision } = this.#txn;
    // Without a revision of its own it sees what the transaction has done so far.
    const at = request.revision > 0 ? request.revision : revision;
    // The index knows how many of the latest there are.
    const isKnown = request.countOnly && isLatest(state, at);
    if (isKnown || !this.#staysAsItIs(request, at)) {
      return yield* rangeResponseSteps(state, request, at, revision);
    }
    if (this.#costLeft > 0) {
      const steps = rangeResponseSteps(state, request, at, revision);
      let cost = 0;
      let step = steps.next(false);
      for (; !step.done && cost + step.value <= this.#costLeft; step = steps.next(false)) cost += step.value;
      this.#costLeft -= step.done ? cost : this.#costLeft;
      yield step.done ? cost : cost + step.value;
      if (step.done) return step.value;
      endSteps(steps);
    }
    this.lowestUnread = Math.min(this.lowestUnread, at);
    return new UnreadRange(request, at, revision);
  }

  /** Whether a range finds at revision `at` what it finds now also when the transaction has ended. */
  #staysAsItIs({ key, rangeEnd, revision }: RangeRequest, at: Revision): boolean {
    if (revision > 0 || at === this.#state.currentRevision) return true;
    const writes = this.#writes;
    if (writes.length - this.#written > MOST_WRITES_LOOKED_AT) return false;
    for (let i = this.#written; i < writes.length; i++) {
      const write = writes[i]!;
      const meets =
        write.kind === 2
          ? rangeContains(key, rangeEnd, write.put.key)
          : rangesMeet(key, rangeEnd, write.deleteRange.key, write.deleteRange.rangeEnd);
      if (meets) return false;
    }
    return true;
  }

  *#delete(request: DeleteRangeRequest): Steps<TxnResponseParts> {
    const txn = this.#txn;
    const { key, prevKv, rangeEnd } = request;
    if (prevKv) txn.countRange();
    const records = this.#isAwaited ? recordsOfDeletion(request) : undefined;
    const deleted =
      rangeEnd.length === 0
        ? txn.deleteRange(key, rangeEnd, records, this.#leases)
        : yield* txn.deleteRangeSteps(key, rangeEnd, records, this.#leases);
    yield costOf(1, records?.size ?? 0);
    return deletionResponse(txn.revision, deleted, records);
  }
}

export function putResponse(txn: WriteTxn, put: PutRequest, leases: KeyLeases): Uint8Array {
  const prevKv = runPut(txn, put, leases, put.prevKv);
  return encodePutResponse(encodeInnerHeader(txn.revision), prevKv);
}
