import type { Init } from "@quorate/wire/messages";
import { CompareResult, CompareTarget, SortOrder, SortTarget, type TxnRequest } from "@quorate/wire/messages";
import type { Client } from "../client.ts";
import { isCompacted } from "../connection/errors.ts";
import { withPrefix } from "../services/key-ranges.ts";

/** For waiting, which ends with the signal or never. */
const AS_LONG_AS_IT_TAKES = { timeoutMs: Number.POSITIVE_INFINITY };

/** The condition that `key` was created in this revision; 0 for a key that does not exist. */
export function createdIn(key: string, revision: bigint): NonNullable<Init<TxnRequest>["compare"]>[number] {
  return {
    key,
    target: CompareTarget.CREATE,
    result: CompareResult.EQUAL,
    createRevision: revision,
  };
}

/** Waits until no key with `prefix` is left that was created before `revision`. Rejects with a ClientError. */
export async function waitForTurn(
  client: Client,
  prefix: string,
  revision: bigint,
  signal?: AbortSignal,
): Promise<void> {
  for (;;) {
    const { header, kvs } = await client.kv.range(
      {
        ...withPrefix(prefix),
        maxCreateRevision: revision - 1n,
        limit: 1,
        sortTarget: SortTarget.CREATE,
        sortOrder: SortOrder.DESCEND,
      },
      { ...AS_LONG_AS_IT_TAKES, signal },
    );
    const last = kvs[0];
    if (last === undefined) return;
    try {
      await client.untilDeleted(last.key, header?.revision ?? 0n, signal);
    } catch (error) {
      // Whether it has been deleted meanwhile is seen by looking again.
      if (!isCompacted(error)) throw error;
    }
  }
}
