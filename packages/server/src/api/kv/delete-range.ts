import type { ServerCall } from "@quorate/rpc";
import {
  decodeDeleteRangeRequest,
  encodeDeleteRangeResponse,
  InternalField,
  RecordsTag,
  RecordsWriter,
} from "@quorate/wire/hot";
import { checkDeleteRange } from "../../mvcc/txn/check.ts";
import { releaseAnswerPart } from "../answer-memory.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { propose } from "../propose.ts";
import { failCall } from "../services.ts";

/** `KV.DeleteRange`. */
export function handleDeleteRange(context: ApiContext, message: Uint8Array, call: ServerCall): void {
  const owned = message.slice();
  const request = decodeDeleteRangeRequest(owned);
  checkDeleteRange(request);
  // What is answered is written while it is deleted, slice by slice: it may be much.
  const writer = request.prevKv ? new RecordsWriter(RecordsTag.deletedKvs) : undefined;
  propose(context, InternalField.deleteRange, owned, (applier) => applier.deleteRange(request, writer))
    .then(({ revision, deleted }) => {
      const header = headerBytes(context, revision);
      if (writer === undefined) call.reply(encodeDeleteRangeResponse(header, deleted, []));
      else call.replyInParts(writer.finishDeleteRange(header, deleted), releaseAnswerPart);
    })
    .catch((error: unknown) => failCall(call, error));
}
