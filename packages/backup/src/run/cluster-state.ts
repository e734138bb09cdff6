import type { Client } from "@quorate/client";
import type { ResponseHeader } from "@quorate/wire/messages";

/** What a quorum says of the cluster now. */
export interface ClusterState {
  /** In hexadecimal. */
  readonly cluster: string;
  readonly revision: number;
  /** Of raft. */
  readonly term: bigint;
}

/** Rejects with a ClientError. */
export async function clusterState(client: Client): Promise<ClusterState> {
  const { header } = await client.kv.range({ key: "\0", countOnly: true });
  const { clusterId, revision, raftTerm } = header as ResponseHeader;
  return {
    cluster: BigInt.asUintN(64, clusterId).toString(16).padStart(16, "0"),
    revision: Number(revision),
    term: raftTerm,
  };
}
