import { pause } from "@quorate/storage/seams/waiting";
import type { ReconfigureContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { RequestError } from "../errors.ts";
import { NOBODY } from "../operations/caller.ts";
import { encodeMemberAttributes, MEMBER_ATTRIBUTES } from "../operations/member-attributes.ts";

const LOOK_INTERVAL_MS = 50;
const RETRY_INTERVAL_MS = 100;

/**
 * Tells the cluster this member's name and URLs, through the log; then it may serve. Goes on for as long as it takes, which
 * without a quorum is for ever; rejects when `signal` fires.
 */
export async function publish(context: ReconfigureContext, signal: AbortSignal): Promise<void> {
  const { config, log, membership } = context;
  const request = encodeMemberAttributes({
    id: membership.localId,
    name: config.name,
    clientUrls: config.advertiseClientUrls,
  });
  // What is known from an earlier life proves nothing.
  const canBecomeKnown = !isPublished(context);
  for (;;) {
    signal.throwIfAborted();
    const attempt = new AbortController();
    try {
      const proposed = propose(context, MEMBER_ATTRIBUTES, request, NOBODY);
      await (canBecomeKnown ? Promise.race([proposed, becomesPublished(context, attempt.signal)]) : proposed);
      return;
    } catch (error) {
      if (!(error instanceof RequestError) || error.code === "STOPPED") throw error;
      log.warn("failed to publish local member to cluster through raft", { error: error.message });
    } finally {
      attempt.abort();
    }
    // A refusal may come at once, and whatever ends its reason needs the loop.
    await pause(context.clock, RETRY_INTERVAL_MS, signal);
  }
}

/**
 * A member that joins may get the entry it has proposed with the leader's snapshot: then nobody tells it that the entry
 * was applied, and it would wait for as long as a request may take.
 */
async function becomesPublished(context: ReconfigureContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !isPublished(context)) await pause(context.clock, LOOK_INTERVAL_MS, signal);
}

function isPublished({ config, membership }: ReconfigureContext): boolean {
  const known = membership.member(membership.localId);
  const urls = config.advertiseClientUrls;
  return (
    known?.name === config.name &&
    known.clientUrls.length === urls.length &&
    urls.every((url) => known.clientUrls.includes(url))
  );
}
