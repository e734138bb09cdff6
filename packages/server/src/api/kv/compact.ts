import { decode, encode } from "@quorate/wire";
import { CompactionRequestSchema, CompactionResponseSchema } from "@quorate/wire/etcdserverpb";
import type { Caller } from "../../operations/caller.ts";
import { COMPACT } from "../../operations/compact.ts";
import type { KvContext } from "../context.ts";
import { propose } from "../propose.ts";

/** `KV.Compact`. With `physical` the answer waits until what was superseded is gone from this member's backend. */
export async function handleCompact(
  context: KvContext,
  message: Uint8Array,
  caller: Caller,
): Promise<Uint8Array> {
  const request = decode(CompactionRequestSchema, message);
  const { access, backend, headers, store } = context;
  if (access.isRestricted) COMPACT.needsOfProposer(request, access.needsOf(caller));
  let finished: Promise<void> | undefined;
  try {
    const compaction = await propose(context, COMPACT, message, caller);
    finished = compaction.done;
  } catch (error) {
    if (request.physical) await store.compactionsDone();
    throw error;
  }
  if (request.physical) {
    await finished;
    backend.commit();
  }
  return encode(CompactionResponseSchema, { header: headers.fields(store.currentRevision) });
}
