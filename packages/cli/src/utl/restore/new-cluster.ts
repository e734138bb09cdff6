import {
  type ClusterMember,
  clusterId,
  createHostResolver,
  formatId,
  initialMembers,
  memberUrlProblem,
  newClusterProblem,
  parseInitialCluster,
} from "@quorate/server/offline";
import { Exit, ExitCode } from "../../command-line/exit.ts";

/** What is said of the cluster that begins with a restored member. */
export interface NewClusterSettings {
  readonly name: string;
  /** Such as `a=http://10.0.0.1:2380,b=http://10.0.0.2:2380`. */
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  readonly initialAdvertisePeerUrls: readonly string[];
}

/** A cluster with its first members; all that restore the same snapshot for it come to the same one. */
export interface NewCluster {
  readonly id: bigint;
  readonly localId: bigint;
  /** Ascending by ID; one at least. */
  readonly members: readonly ClusterMember[];
}

/** Throws Exit when no cluster can begin like this, in the order in which etcd complains. */
export async function newCluster(settings: NewClusterSettings): Promise<NewCluster> {
  const urls = settings.initialAdvertisePeerUrls.map((url) => url.trim());
  refuse(urls.map(memberUrlProblem).find((problem) => problem !== undefined));
  const { members: listed, problem } = parseInitialCluster(settings.initialCluster);
  refuse(problem);
  const whole = { ...settings, initialAdvertisePeerUrls: urls, initialCluster: listed };
  refuse(await newClusterProblem(whole, createHostResolver()));
  const members = initialMembers(whole);
  const ids = members.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) refuse(`member exists with identical ID ${formatId(twice)}`);
  const local = members.find(({ name }) => name === settings.name)!;
  return { id: clusterId(ids), localId: local.id, members };
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new Exit(ExitCode.ERROR, problem);
}
