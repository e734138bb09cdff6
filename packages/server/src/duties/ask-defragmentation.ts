import type { LeaderContext } from "../api/context.ts";
import type { DefragmentationOutcome, DefragmentationProgress } from "../api/scheduled-defragmentation.ts";
import { formatId } from "../cluster/ids.ts";
import type { ClusterMember } from "../cluster/member-json.ts";

/** The member does not know of scheduled defragmentations: it is an etcd. */
export const NO_SUCH_THING = Symbol("no such thing");

const ASK_TIMEOUT_MS = 5_000;
const MAX_RESPONSE_BYTES = 1_024;
const OUTCOMES: readonly string[] = ["none", "defragmented", "not worth it", "failed"];

/**
 * Asks another member, at any of its URLs, how far it is; with `freePercent` it is to begin, unless it has. Undefined when it
 * does not answer. Never rejects.
 */
export async function askProgress(
  { membership, peerRequests }: Pick<LeaderContext, "membership" | "peerRequests">,
  { peerUrls }: ClusterMember,
  freePercent: number | undefined,
  signal: AbortSignal,
): Promise<DefragmentationProgress | typeof NO_SUCH_THING | undefined> {
  for (const url of peerUrls) {
    try {
      const { status, body } = await peerRequests.send(url, {
        method: freePercent === undefined ? "GET" : "POST",
        path: "/maintenance/defragment",
        headers: {
          "content-type": "application/json",
          "x-etcd-cluster-id": formatId(membership.clusterId),
        },
        ...(freePercent === undefined ? {} : { body: JSON.stringify({ freePercent }) }),
        timeoutMs: ASK_TIMEOUT_MS,
        maxResponseBytes: MAX_RESPONSE_BYTES,
        signal,
      });
      if (status === 404) return NO_SUCH_THING;
      const progress = status === 200 ? readProgress(body.toString()) : undefined;
      if (progress !== undefined) return progress;
    } catch {
      // The next URL may lead to it.
    }
  }
  return undefined;
}

function readProgress(text: string): DefragmentationProgress | undefined {
  const read = JSON.parse(text) as Partial<Record<keyof DefragmentationProgress, unknown>> | null;
  if (typeof read?.running !== "boolean" || !OUTCOMES.includes(String(read.outcome))) return undefined;
  return {
    running: read.running,
    outcome: read.outcome as DefragmentationOutcome,
    sizeBefore: Number(read.sizeBefore),
    size: Number(read.size),
  };
}
