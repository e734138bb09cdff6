import { clusterId, formatId } from "../cluster/ids.ts";
import {
  existingClusterProblem,
  type InitialCluster,
  initialMembers,
  newClusterProblem,
} from "../cluster/initial-cluster.ts";
import { type ClusterMember, decodeMemberList } from "../cluster/member-json.ts";
import { peerUrlsDiffer, type ResolveHost } from "../cluster/peer-urls.ts";
import { isCompatibleWithCluster } from "../cluster/version-negotiation.ts";
import type { DiscoverySettings } from "../config/discovery.ts";
import { ConfigError } from "../config/errors.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { fetchDowngradeEnabled, fetchVersions } from "../duties/peer-versions.ts";
import type { Logger } from "../log/logger.ts";
import type { PeerRequests } from "../peer/peer-requests.ts";
import { createHostResolver } from "./host-resolver.ts";

export interface JoiningSettings extends InitialCluster {
  /** Why `initialCluster` cannot be used. */
  readonly initialClusterProblem?: string | undefined;
  readonly initialClusterState: "new" | "existing";
  /** How the members are found, if `initialCluster` does not name them. */
  readonly discovery?: DiscoverySettings | undefined;
  readonly maxLearners: number;
}

export interface JoiningWays {
  readonly requests: PeerRequests;
  readonly log: Logger;
  readonly requestTimeoutMs: number;
  /** A resolver with a budget of its own; the system's by default. */
  readonly createResolver?: () => ResolveHost;
  /** Needed where the settings ask for it. */
  readonly discovery?: Discovery;
  /** Certificates of members have to be for this name from now on, and not for the hosts that are dialled. */
  readonly expectName?: (name: string) => void;
  /** Ends a wait for other members. */
  readonly signal: AbortSignal;
}

/** Who a member without a log is, and of which cluster. */
export interface InitialIdentity {
  readonly localId: bigint;
  readonly clusterId: bigint;
  /** Raft's first configuration, ascending by ID; empty for who joins: everything comes from the leader. */
  readonly firstMembers: readonly ClusterMember[];
  /** The members of the running cluster that is joined, as they told it; this one may be among them. */
  readonly remotes: readonly ClusterMember[];
}

const FETCH_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 1_000;

/** Finds out who this member is. Throws `ConfigError` for settings that do not fit, `Error` when it must not start. */
export async function findIdentity(settings: JoiningSettings, ways: JoiningWays): Promise<InitialIdentity> {
  if (settings.initialClusterProblem !== undefined) throw new ConfigError(settings.initialClusterProblem);
  const named = await withMembersOfDomain(settings, ways);
  return settings.initialClusterState === "new" ? begin(named, ways) : join(named, ways);
}

/** With the members that the records of a domain name, if it is said that they do. */
async function withMembersOfDomain(
  settings: JoiningSettings,
  { discovery, expectName }: JoiningWays,
): Promise<JoiningSettings> {
  if (settings.discovery?.kind !== "srv") return settings;
  const initialCluster = await discovery!.byRecords({
    settings: settings.discovery,
    name: settings.name,
    advertisedUrls: settings.initialAdvertisePeerUrls,
  });
  // Records can be forged: a host that they name has to belong to the domain that was asked.
  const isSecure = initialCluster.some(({ peerUrls }) => peerUrls.some((url) => url.startsWith("https:")));
  if (isSecure) expectName?.(settings.discovery.domain);
  return { ...settings, initialCluster };
}

async function begin(settings: JoiningSettings, ways: JoiningWays): Promise<InitialIdentity> {
  const { createResolver = createHostResolver } = ways;
  const problem = await newClusterProblem(settings, createResolver());
  if (problem !== undefined) throw new ConfigError(problem);
  const known = initialMembers(settings);
  const { id } = byName(known, settings.name);
  await refuseIfBegun(id, known, settings, ways);
  const members = await withMembersOfService(id, settings, known, ways);
  return {
    localId: id,
    clusterId: clusterId(members.map((member) => member.id)),
    firstMembers: members,
    remotes: [],
  };
}

async function refuseIfBegun(
  id: bigint,
  members: readonly ClusterMember[],
  settings: JoiningSettings,
  ways: JoiningWays,
): Promise<void> {
  // At once: one that accepts and says nothing must not make this member the last one to start.
  const answers = await Promise.all(
    remoteUrls(members, settings.name).map((url) => fetchClusterAt(url, PROBE_TIMEOUT_MS, ways, false)),
  );
  const running = answers.find((answer) => answer !== undefined);
  const known = running?.members.find((member) => member.id === id);
  if (known !== undefined && known.clientUrls.length > 0) {
    throw new Error(`member ${formatId(id)} has already been bootstrapped`);
  }
}

/** With a discovery service, all who have registered there, of whom the local one is known before; otherwise `known`. */
async function withMembersOfService(
  id: bigint,
  settings: JoiningSettings,
  known: ClusterMember[],
  { discovery, signal }: JoiningWays,
): Promise<ClusterMember[]> {
  if (settings.discovery?.kind !== "service") return known;
  const local = settings.initialCluster.find(({ name }) => name === settings.name)!;
  const initialCluster = await discovery!.byService(settings.discovery, id, local, signal);
  return initialMembers({ ...settings, initialCluster });
}

async function join(settings: JoiningSettings, ways: JoiningWays): Promise<InitialIdentity> {
  const { createResolver = createHostResolver } = ways;
  const problem = existingClusterProblem(settings);
  if (problem !== undefined) throw new ConfigError(problem);
  if (settings.discovery?.kind === "service") {
    throw new ConfigError("discovery URL should not be set when joining existing initial cluster");
  }
  const local = initialMembers(settings);
  const { running, matched } = await findRunningCluster(local, settings.name, ways, createResolver());
  const { id } = byName(matched, settings.name);
  await refuseIfIncompatible(
    matched.filter((member) => member.id !== id),
    ways,
  );
  if (running.members.filter((member) => member.isLearner).length > settings.maxLearners) {
    throw new Error("membership: too many learner members in cluster");
  }
  return { localId: id, clusterId: running.clusterId, firstMembers: [], remotes: running.members };
}

interface RunningCluster {
  readonly clusterId: bigint;
  readonly members: readonly ClusterMember[];
}

/**
 * The first answer that fits what was configured. A member that has not caught up yet, as after a crash, still tells the
 * members of before: the others are asked, too, before that is held against the settings.
 */
async function findRunningCluster(
  local: readonly ClusterMember[],
  localName: string,
  ways: JoiningWays,
  resolve: ResolveHost,
): Promise<{ running: RunningCluster; matched: ClusterMember[] }> {
  let firstProblem: Error | undefined;
  for (const url of remoteUrls(local, localName)) {
    const running = await fetchClusterAt(url, FETCH_TIMEOUT_MS, ways, true);
    if (running === undefined) continue;
    try {
      return { running, matched: await takeOverIds(local, running, resolve) };
    } catch (error) {
      firstProblem ??= error as Error;
      ways.log.warn("what a member tells of its cluster does not fit", {
        address: `${url}/members`,
        error: (error as Error).message,
      });
    }
  }
  throw (
    firstProblem ??
    new Error(
      "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs",
    )
  );
}

/** undefined when the answer is of no use. Its status says nothing about that. */
async function fetchClusterAt(
  url: string,
  timeoutMs: number,
  { requests, log }: JoiningWays,
  logFailures: boolean,
): Promise<RunningCluster | undefined> {
  try {
    const { headers, body } = await requests.send(url, { method: "GET", path: "/members", timeoutMs });
    const members = decodeMemberList(body.toString());
    const ids = new Set(members.map((member) => member.id));
    if (ids.size !== members.length || ids.has(0n)) throw new Error("members must have distinct IDs");
    return { clusterId: parseId(headers["x-etcd-cluster-id"] ?? ""), members };
  } catch (error) {
    if (logFailures) {
      log.warn("failed to get cluster response", {
        address: `${url}/members`,
        error: (error as Error).message,
      });
    }
    return undefined;
  }
}

/** Gives each local member the ID of the running one with the same peer URLs. Throws when they are others. */
async function takeOverIds(
  local: readonly ClusterMember[],
  running: RunningCluster,
  resolve: ResolveHost,
): Promise<ClusterMember[]> {
  if (running.members.length === 0) {
    throw new Error(
      "cannot fetch cluster info from peer urls: failed to get raft cluster member(s) from the given URLs",
    );
  }
  const wrap = (why: string) => new Error(`error validating peerURLs ${describeCluster(running)}: ${why}`);
  if (local.length !== running.members.length) throw wrap("member count is unequal");
  const unmatched = new Set(local);
  const matched: ClusterMember[] = [];
  for (const { id, peerUrls } of running.members) {
    let lastDifference: string | undefined;
    let found: ClusterMember | undefined;
    for (const candidate of unmatched) {
      lastDifference = await peerUrlsDiffer(peerUrls, candidate.peerUrls, resolve);
      if (lastDifference !== undefined) continue;
      found = candidate;
      break;
    }
    if (found === undefined) {
      throw wrap(
        `PeerURLs: no match found for existing member (${formatId(id)}, [${peerUrls.join(" ")}]), ` +
          `last resolver error (${lastDifference ?? "no member is left"})`,
      );
    }
    unmatched.delete(found);
    matched.push({ ...found, id });
  }
  return matched;
}

async function refuseIfIncompatible(others: readonly ClusterMember[], ways: JoiningWays): Promise<void> {
  const questions = { requests: ways.requests, log: ways.log, timeoutMs: ways.requestTimeoutMs };
  const versions = await Promise.all(others.map((member) => fetchVersions(questions, member)));
  const downgradeEnabled = await fetchDowngradeEnabled(questions, others);
  const clusterVersions = versions.map((answer) => answer?.cluster);
  if (isCompatibleWithCluster(clusterVersions, downgradeEnabled)) return;
  ways.log.warn("cluster versions of the other members do not fit", { clusterVersions, downgradeEnabled });
  throw new Error("incompatible with current running cluster");
}

function remoteUrls(members: readonly ClusterMember[], localName: string): string[] {
  return members
    .filter((member) => member.name !== localName)
    .flatMap((member) => member.peerUrls)
    .sort();
}

function byName(members: readonly ClusterMember[], name: string): ClusterMember {
  return members.find((member) => member.name === name)!;
}

/** Throws for what is no ID in hex. */
function parseId(text: string): bigint {
  if (!/^[0-9a-fA-F]{1,16}$/.test(text)) throw new Error(`"${text}" is no cluster ID`);
  return BigInt(`0x${text}`);
}

function describeCluster({ clusterId: id, members }: RunningCluster): string {
  const texts = members.map(
    (member) =>
      `{ID:${formatId(member.id)} RaftAttributes:{PeerURLs:[${member.peerUrls.join(" ")}] IsLearner:${member.isLearner}} ` +
      `Attributes:{Name:${member.name} ClientURLs:[${member.clientUrls.join(" ")}]}}`,
  );
  return `{ClusterID:${formatId(id)} Members:[${texts.join(" ")}] RemovedMemberIDs:[]}`;
}
