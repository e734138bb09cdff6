import { memberId } from "./ids.ts";
import type { ClusterMember } from "./member-json.ts";
import { memberUrlProblem } from "./member-url.ts";
import { peerUrlsDiffer, type ResolveHost } from "./peer-urls.ts";

/** A member of a cluster that is to begin. */
export interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** What a member without a log is told about its cluster. */
export interface InitialCluster {
  readonly name: string;
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly initialClusterToken: string;
  readonly initialCluster: readonly InitialMember[];
}

/** The members of a text such as `a=http://10.0.0.1:2380,b=http://10.0.0.2:2380`, and what is wrong with it, if anything. */
export function parseInitialCluster(text: string): {
  members: readonly InitialMember[];
  problem: string | undefined;
} {
  const byName = new Map<string, string[]>();
  let problem: string | undefined;
  for (const item of text.split(",").filter((part) => part !== "")) {
    const equals = item.indexOf("=");
    const name = equals < 0 ? item : item.slice(0, equals);
    const url = equals < 0 ? "" : item.slice(equals + 1).trim();
    problem ??= memberUrlProblem(url);
    byName.set(name, [...(byName.get(name) ?? []), url].sort());
  }
  return { members: [...byName].map(([name, peerUrls]) => ({ name, peerUrls })), problem };
}

/** Why no new cluster can begin like this; undefined when one can. */
export async function newClusterProblem(
  settings: InitialCluster,
  resolve: ResolveHost,
): Promise<string | undefined> {
  return (
    localNameProblem(settings) ?? (await advertisedProblem(settings, resolve)) ?? duplicateProblem(settings)
  );
}

/** Why a running cluster cannot be joined like this; undefined when it may be tried. */
export function existingClusterProblem(settings: InitialCluster): string | undefined {
  return localNameProblem(settings) ?? duplicateProblem(settings);
}

/** The first members of a new cluster, ascending by ID; all members compute the same. */
export function initialMembers(settings: InitialCluster): ClusterMember[] {
  return settings.initialCluster
    .map(({ name, peerUrls }) => ({
      id: memberId(peerUrls, settings.initialClusterToken),
      peerUrls: peerUrls.toSorted(),
      isLearner: false,
      name,
      clientUrls: [],
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function localNameProblem({ name, initialCluster }: InitialCluster): string | undefined {
  if (initialCluster.some((member) => member.name === name)) return undefined;
  return `couldn't find local name "${name}" in the initial cluster configuration`;
}

async function advertisedProblem(
  settings: InitialCluster,
  resolve: ResolveHost,
): Promise<string | undefined> {
  const { name } = settings;
  const listed = settings.initialCluster.find((member) => member.name === name)!.peerUrls;
  const advertised = settings.initialAdvertisePeerUrls.toSorted();
  const why = await peerUrlsDiffer(advertised, listed, resolve);
  if (why === undefined) return undefined;
  const missing = listed.filter((url) => !advertised.includes(url));
  if (missing.length > 0) {
    const names = missing.map((url) => `${name}=${url}`).join(",");
    return `--initial-cluster has ${names} but missing from --initial-advertise-peer-urls=${advertised.join(",")} (${why})`;
  }
  const own = describeInitialCluster([{ name, peerUrls: advertised }]);
  const extra = advertised.filter((url) => !listed.includes(url));
  if (extra.length > 0) {
    return `--initial-advertise-peer-urls has ${extra.join(",")} but missing from --initial-cluster=${own}`;
  }
  return `failed to resolve ${advertised.join(",")} to match --initial-cluster=${own} (${why})`;
}

function duplicateProblem({ initialCluster }: InitialCluster): string | undefined {
  const urls = initialCluster.flatMap((member) => member.peerUrls);
  if (new Set(urls).size === urls.length) return undefined;
  return `initial cluster ${describeInitialCluster(initialCluster)} has duplicate url`;
}

/** As `--initial-cluster` has it, ordered. */
export function describeInitialCluster(members: InitialCluster["initialCluster"]): string {
  return members
    .flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`))
    .sort()
    .join(",");
}
