import { decodeDeleteRangeRequest, encodeDeleteRangeResponse, InternalField } from "@quorate/wire/hot";
import { checkDeleteRange } from "../../mvcc/txn/check.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { propose } from "../propose.ts";

/** `KV.DeleteRange`. */
export async function handleDeleteRange(context: ApiContext, message: Uint8Array): Promise<Uint8Array> {
  const owned = message.slice();
  const request = decodeDeleteRangeRequest(owned);
  checkDeleteRange(request);
  const { revision, deleted, prevKvs } = await propose(context, InternalField.deleteRange, owned, (applier) =>
    applier.deleteRange(request),
  );
  return encodeDeleteRangeResponse(headerBytes(context, revision), deleted, prevKvs);
}
