import { decode, encode } from "@quorate/wire";
import { InternalField } from "@quorate/wire/hot";
import { ClusterVersionSetRequestSchema } from "@quorate/wire/membershippb";
import { followClusterVersion } from "../cluster/storage-version.ts";
import { operation } from "./operation.ts";
import type { ReplicatedState } from "./state.ts";

/** The version that all members understand, as the leader has found it out. */
export const CLUSTER_VERSION = operation<string, void>({
  field: InternalField.clusterVersionSet,
  decode: (bytes, start, end) => decode(ClusterVersionSetRequestSchema, bytes.subarray(start, end)).ver,
  runsWhenCorrupt: true,
  apply: setClusterVersion,
});

export function encodeClusterVersion(version: string): Uint8Array {
  return encode(ClusterVersionSetRequestSchema, { ver: version });
}

export function setClusterVersion({ membership, backend }: ReplicatedState, version: string): void {
  membership.applyVersion(version);
  followClusterVersion(backend, version, false);
}
