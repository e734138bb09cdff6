import { decode } from "@quorate/wire";
import { type CompactionRequest, CompactionRequestSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import type { CompactionHandle } from "../mvcc/store.ts";
import { needsDuty } from "./access.ts";
import { saturate } from "./int64.ts";
import { operation } from "./operation.ts";

/**
 * `KV.Compact`. The state from which reads are refused changes when it is applied; the physical part goes on in the
 * background.
 */
export const COMPACT = operation<CompactionRequest, CompactionHandle>({
  field: InternalField.compaction,
  decode: (bytes, start, end) => decode(CompactionRequestSchema, bytes.subarray(start, end)),
  needsOfProposer: (_request, needs) => needsDuty("compaction", needs),
  apply: ({ store }, { revision }) => store.compact(saturate(revision)),
});
