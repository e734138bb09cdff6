import { decode, encode } from "@quorate/wire";
import { CompactionRequestSchema, CompactionResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { saturate } from "../../apply/int64.ts";
import { type ApiContext, headerFields } from "../context.ts";
import { propose } from "../propose.ts";

/** `KV.Compact`. With `physical` the answer waits until what was superseded is gone from this member's backend. */
export async function handleCompact(context: ApiContext, message: Uint8Array): Promise<Uint8Array> {
  const { revision, physical } = decode(CompactionRequestSchema, message);
  const { store, backend } = context;
  let finished: Promise<void> | undefined;
  try {
    const compaction = await propose(context, InternalField.compaction, message, (applier) =>
      applier.compact(saturate(revision)),
    );
    finished = compaction.done;
  } catch (error) {
    if (physical) await store.compactionsDone();
    throw error;
  }
  if (physical) {
    await finished;
    backend.commit();
  }
  return encode(CompactionResponseSchema, {
    header: headerFields(context),
  });
}
