import type { Revision } from "@quorate/storage/seams/backend";
import type { ComparisonContext } from "../api/context.ts";
import type { ClusterMember } from "../cluster/member-json.ts";
import { askPeerHashes, type PeerAnswer } from "./peer-hashes.ts";

/** All other members' hashes at a revision; who does not answer is logged. */
export async function hashesOfOthers(context: ComparisonContext, revision: Revision): Promise<PeerAnswer[]> {
  const { membership, peerRequests, requestTimeoutMs, log } = context;
  const others: ClusterMember[] = membership.members.filter(({ id }) => id !== membership.localId);
  const question = { clusterId: membership.clusterId, revision, timeoutMs: requestTimeoutMs };
  const answers = await askPeerHashes(peerRequests, others, question);
  for (const { id, failure } of answers) {
    if (failure === undefined) continue;
    log.warn("cannot get the hash of another member", {
      "remote-peer-id": id.toString(16),
      "requested-revision": revision,
      error: failure,
    });
  }
  return answers;
}
