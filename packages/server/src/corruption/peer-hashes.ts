import type { Revision } from "@quorate/storage/seams/backend";
import { formatId } from "../cluster/ids.ts";
import type { ClusterMember } from "../cluster/member-json.ts";
import type { PeerRequests, PeerResponse } from "../peer/peer-requests.ts";

/** What another member says of its key space. */
export interface PeerHash {
  /** Its newest revision when it answered. */
  readonly currentRevision: Revision;
  readonly hash: number;
  /** The compacted revision that the hash takes into account; -1 if none. */
  readonly compactRevision: Revision;
}

/** The outcome of asking one member: a hash, or why there is none. */
export interface PeerAnswer {
  readonly id: bigint;
  readonly hash: PeerHash | undefined;
  readonly failure: string | undefined;
}

export interface HashQuestion {
  readonly clusterId: bigint;
  readonly revision: Revision;
  /** For each URL. */
  readonly timeoutMs: number;
}

const MAX_RESPONSE_BYTES = 65_536;
const MAX_HASH = 2 ** 32 - 1;

/** Asks each of `members` for its hash at a revision; answers in their order. Never rejects. */
export function askPeerHashes(
  requests: PeerRequests,
  members: readonly ClusterMember[],
  question: HashQuestion,
): Promise<PeerAnswer[]> {
  return Promise.all(members.map((member) => askPeerHash(requests, member, question)));
}

async function askPeerHash(
  requests: PeerRequests,
  { id, peerUrls }: ClusterMember,
  { clusterId, revision, timeoutMs }: HashQuestion,
): Promise<PeerAnswer> {
  let failure = "it has no peer URL";
  for (const url of peerUrls) {
    try {
      const response = await requests.send(url, {
        method: "GET",
        path: "/members/hashkv",
        headers: { "content-type": "application/json", "x-etcd-cluster-id": formatId(clusterId) },
        body: JSON.stringify(revision === 0 ? {} : { revision }),
        timeoutMs,
        maxResponseBytes: MAX_RESPONSE_BYTES,
      });
      return { id, hash: readPeerHash(response), failure: undefined };
    } catch (error) {
      failure = (error as Error).message;
    }
  }
  return { id, hash: undefined, failure };
}

/** Throws an error with the reason when the response holds no hash. */
export function readPeerHash({ status, body }: PeerResponse): PeerHash {
  const text = body.toString();
  if (status !== 200) throw new Error(text.trim().slice(0, 200) || `status ${status}`);
  const answer = asObject(JSON.parse(text));
  const hash: PeerHash = {
    currentRevision: integer(asObject(answer.header ?? {}), "revision"),
    hash: integer(answer, "hash"),
    compactRevision: integer(answer, "compact_revision"),
  };
  // Every store has a revision; what has none is the answer of somebody else.
  if (hash.currentRevision <= 0) throw new Error("the answer has no revision");
  if (hash.hash < 0 || hash.hash > MAX_HASH) throw new Error("a hash has 32 bits");
  return hash;
}

/** Fields that are zero are left out. */
function integer(object: Record<string, unknown>, name: string): number {
  const value = object[name] ?? 0;
  if (!Number.isSafeInteger(value)) throw new Error(`${name} is no integer`);
  return value as number;
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new Error("the answer is no JSON object");
  return value as Record<string, unknown>;
}
