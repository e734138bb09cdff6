import type { Revision } from "@quorate/storage/seams/backend";
import type { Steps } from "@quorate/storage/slices";
import {
  type DeleteRangeRequest,
  decodeDeleteRangeRequest,
  encodeDeleteRangeResponse,
  InternalField,
  RecordsTag,
  RecordsWriter,
  releaseMessage,
} from "@quorate/wire/hot";
import { dropAnswer, releaseAnswerPart } from "../answer-memory.ts";
import { checkDeleteRange } from "../mvcc/txn/check.ts";
import type { Needs } from "./access.ts";
import { clientOperation, inSlices, keysOfInterval } from "./operation.ts";
import type { ReplicatedState } from "./state.ts";

export interface DeleteOutcome {
  readonly revision: Revision;
  readonly deleted: number;
  /** The deleted records in ascending order of their keys, if asked for. */
  readonly prevKvs: RecordsWriter | undefined;
}

/** `KV.DeleteRange`. */
export const DELETE_RANGE = clientOperation<DeleteRangeRequest, DeleteOutcome>({
  field: InternalField.deleteRange,
  decode: decodeDeleteRangeRequest,
  check: checkDeleteRange,
  keysInEntry: keysOfInterval,
  needsWhenApplied: needsOfDeletion,
  apply(state, request, isAwaited) {
    // What is answered is written while it is deleted, slice by slice: it may be much.
    const prevKvs = isAwaited && request.prevKv ? new RecordsWriter(RecordsTag.deletedKvs) : undefined;
    return inSlices(state, deletionSteps(state, request, prevKvs));
  },
  answer(headers, { revision, deleted, prevKvs }, call) {
    const header = headers.bytes(revision);
    if (prevKvs === undefined) call.reply(encodeDeleteRangeResponse(header, deleted, []), releaseMessage);
    else call.replyInParts(prevKvs.finishDeleteRange(header, deleted), releaseAnswerPart);
  },
  drop({ prevKvs }) {
    if (prevKvs !== undefined) dropAnswer(prevKvs);
  },
});

/** Also of one in a transaction. */
export function needsOfDeletion({ key, rangeEnd, prevKv }: DeleteRangeRequest, needs: Needs): void {
  needs.write(key, rangeEnd);
  if (prevKv) needs.read(key, rangeEnd);
}

function* deletionSteps(
  { store, lessor }: ReplicatedState,
  { key, prevKv, rangeEnd }: DeleteRangeRequest,
  prevKvs: RecordsWriter | undefined,
): Steps<DeleteOutcome> {
  const txn = store.beginWrite();
  if (prevKv) txn.countRange();
  const deleted =
    rangeEnd.length === 0
      ? txn.deleteRange(key, rangeEnd, prevKvs, lessor)
      : yield* txn.hiding(txn.deleteRangeSteps(key, rangeEnd, prevKvs, lessor));
  return { revision: txn.end(), deleted, prevKvs };
}
