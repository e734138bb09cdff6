import { type InitialMember, parseInitialCluster } from "../cluster/initial-cluster.ts";
import type { FlagReader } from "./flag-reader.ts";
import { FLAGS } from "./flag-table.ts";

const DEFAULT_NAME = FLAGS.get("name")!.defaultText;
const DEFAULT_CLUSTER = FLAGS.get("initial-cluster")!.defaultText;

export interface ParsedCluster {
  readonly members: readonly InitialMember[];
  /** Why they are not to be used. */
  readonly problem: string | undefined;
}

/**
 * The members of `--initial-cluster`; of the default one with another name this member alone. With discovery this member alone
 * as well, or nobody where not even its own name is known before.
 */
export function initialCluster(read: FlagReader, advertisePeerUrls: readonly string[]): ParsedCluster {
  const name = read.string("name");
  const text = read.string("initial-cluster");
  if (read.list("discovery-endpoints").length > 0) {
    return { members: [{ name, peerUrls: advertisePeerUrls }], problem: undefined };
  }
  if (!namesInitialCluster(read)) return { members: [], problem: undefined };
  if (name !== DEFAULT_NAME && text === DEFAULT_CLUSTER) {
    return { members: [{ name, peerUrls: advertisePeerUrls }], problem: undefined };
  }
  return parseInitialCluster(text);
}

/** Several ways to find the first members exclude each other; that by default is none then. */
export function namesInitialCluster(read: FlagReader): boolean {
  const text = read.string("initial-cluster");
  const isDefault = read.isFromFile ? text === DEFAULT_CLUSTER : !read.isGiven("initial-cluster");
  const byService = read.list("discovery-endpoints").length > 0 || read.string("discovery-srv") !== "";
  const byName = !read.isFromFile && read.string("discovery-srv-name") !== "";
  return isDefault && (byService || byName) ? false : text !== "";
}
