import { encode } from "@quorate/wire";
import { InternalField } from "@quorate/wire/hot";
import { ClusterMemberAttrSetRequestSchema } from "@quorate/wire/membershippb";
import type { ApiContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { RequestError } from "../errors.ts";

/**
 * Tells the cluster this member's name and URLs, through the log; then it may serve. Goes on for as long as it takes, which
 * without a quorum is for ever; rejects when `signal` fires.
 */
export async function publish(context: ApiContext, signal: AbortSignal): Promise<void> {
  const { config, log, membership } = context;
  const memberId = membership.localId;
  const request = encode(ClusterMemberAttrSetRequestSchema, {
    memberID: memberId,
    memberAttributes: { name: config.name, clientUrls: [...config.advertiseClientUrls] },
  });
  for (;;) {
    signal.throwIfAborted();
    try {
      await propose(context, InternalField.clusterMemberAttrSet, request, (applier) =>
        applier.memberAttributes(memberId, config.name, config.advertiseClientUrls),
      );
      return;
    } catch (error) {
      if (!(error instanceof RequestError) || error.failure === "STOPPED") throw error;
      log.warn("failed to publish local member to cluster through raft", { error: error.message });
    }
  }
}
