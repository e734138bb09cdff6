import type { NodeId } from "@quorate/raft";
import { formatId } from "../cluster/ids.ts";
import { parseVersion, type VersionNumber } from "../cluster/version-number.ts";
import { COMPATIBLE_VERSION } from "../version.ts";

/** Who a member is, as it tells the others with each request. */
export interface PeerIdentity {
  readonly localId: NodeId;
  readonly clusterId: bigint;
  /** This member's peer URLs now. */
  readonly advertisedUrls: () => readonly string[];
}

/** A constant of all releases of etcd 3. */
const MIN_CLUSTER_VERSION = "3.0.0";
/** What a member without version headers is taken for. */
const NO_VERSION = "2.0.0";

const LOCAL_VERSION = parseVersion(COMPATIBLE_VERSION)!;
const LOCAL_MIN_VERSION = parseVersion(MIN_CLUSTER_VERSION)!;
/** The first release that knew both kinds of streams. */
const FIRST_WITH_STREAMS = parseVersion("2.1.0")!;

/** Headers of every request to another member. */
export function identityHeaders(identity: PeerIdentity): Record<string, string> {
  const urls = identity.advertisedUrls();
  return {
    "X-Server-From": formatId(identity.localId),
    "X-Server-Version": COMPATIBLE_VERSION,
    "X-Min-Cluster-Version": MIN_CLUSTER_VERSION,
    "X-Etcd-Cluster-ID": formatId(identity.clusterId),
    ...(urls.length === 0 ? {} : { "X-PeerURLs": urls.join(",") }),
  };
}

export type Refusal = "INCOMPATIBLE_VERSION" | "CLUSTER_ID_MISMATCH";

/**
 * Why a request with these headers (lower-case names) is refused with 412, if it is. The version comes first, so that
 * who knows nothing of peers learns nothing of the cluster.
 */
export function refusalOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  clusterId: bigint,
): Refusal | undefined {
  const server = parseVersion(headerText(headers["x-server-version"]) ?? NO_VERSION);
  const minCluster = parseVersion(headerText(headers["x-min-cluster-version"]) ?? NO_VERSION);
  if (server === undefined || minCluster === undefined) return "INCOMPATIBLE_VERSION";
  if (compareMinor(server, LOCAL_MIN_VERSION) < 0 || compareMinor(minCluster, LOCAL_VERSION) > 0) {
    return "INCOMPATIBLE_VERSION";
  }
  if (headerText(headers["x-etcd-cluster-id"]) !== formatId(clusterId)) return "CLUSTER_ID_MISMATCH";
  return undefined;
}

/** Whether the release in a stream's response knows both kinds of streams. */
export function supportsStreams(version: string | undefined): boolean {
  const parsed = parseVersion(version ?? NO_VERSION);
  if (parsed === undefined) return false;
  return compareMinor(parsed, LOCAL_VERSION) >= 0 || compareMinor(parsed, FIRST_WITH_STREAMS) >= 0;
}

/** An ID as headers and paths have it; undefined when it is none. */
export function parseId(text: string): bigint | undefined {
  return /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

export function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function compareMinor(a: VersionNumber, b: VersionNumber): number {
  return a.major - b.major || a.minor - b.minor;
}
