import { encode } from "@quorate/wire";
import { InternalField } from "@quorate/wire/hot";
import { ClusterMemberAttrSetRequestSchema } from "@quorate/wire/membershippb";
import type { ApiContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { RequestError } from "../errors.ts";

const VERSION_POLL_MS = 10;
const VERSION_WAIT_MS = 5_000;

/**
 * Waits until the cluster's first leader has decided on a version: clients that come earlier would be refused. Not for
 * ever: a member must not be silent because another one does not say what it is.
 */
export async function versionDecided(context: ApiContext, signal: AbortSignal): Promise<void> {
  const { clock, membership } = context;
  const giveUpMs = clock.nowMs() + VERSION_WAIT_MS;
  while (membership.version === undefined && clock.nowMs() < giveUpMs) {
    signal.throwIfAborted();
    await new Promise<void>((resolve) => clock.setTimer(VERSION_POLL_MS, resolve));
  }
}

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
