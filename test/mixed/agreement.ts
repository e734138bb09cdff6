/** What all members of a cluster must agree on, whoever made them. */

import { textOf } from "../cluster/client.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { sleep } from "../cluster/load/session.ts";
import type { MemberProcess } from "../cluster/member-process.ts";

const TIMEOUT_MS = 30_000;

/**
 * Waits until all voters give the same hash of all their keys at one revision, compacted at the same one; the revision.
 * Rejects when they do not. Compactions that go on are met by asking again.
 */
export async function sameHashes(cluster: Cluster): Promise<number> {
  const giveUpAt = performance.now() + TIMEOUT_MS;
  let last = "";
  while (performance.now() < giveUpAt) {
    const [first] = cluster.members as [MemberProcess];
    const { header } = await cluster.client(first).range({ key: "health" });
    const revision = header!.revision;
    const hashes = await Promise.all(cluster.members.map((member) => hashOf(cluster, member, revision)));
    last = hashes.map(({ name, text }) => `${name}: ${text}`).join("; ");
    const answered = hashes.filter(({ compacted }) => compacted !== undefined);
    const sameCompaction = new Set(answered.map(({ compacted }) => compacted)).size === 1;
    if (answered.length === hashes.length && sameCompaction) {
      if (new Set(hashes.map(({ text }) => text)).size === 1) return revision;
      throw new Error(`members differ at revision ${revision}: ${last}`);
    }
    await sleep(100);
  }
  throw new Error(`members could not be compared in ${TIMEOUT_MS} ms: ${last}`);
}

interface Hash {
  readonly name: string;
  readonly text: string;
  /** undefined: it did not answer with a hash. */
  readonly compacted: number | undefined;
}

async function hashOf(cluster: Cluster, member: MemberProcess, revision: number): Promise<Hash> {
  const { name } = member;
  const client = cluster.client(member);
  try {
    // Linearizable, so the member has applied the revision.
    await client.range({ key: "health" });
    const { hash, compact_revision: compacted } = await client.hashKv({ revision }, 10_000);
    return { name, text: `${hash} compacted at ${compacted}`, compacted };
  } catch (error) {
    return { name, text: textOf(error), compacted: undefined };
  }
}

export interface Versions {
  readonly etcdserver: string;
  readonly etcdcluster: string;
  readonly storage?: string;
}

export async function versionsOf(member: MemberProcess): Promise<Versions> {
  const answer = await fetch(`http://${member.clientAddress}/version`);
  return (await answer.json()) as Versions;
}

/** Waits until every member says that this is the version of the cluster. */
export async function clusterVersion(
  cluster: Cluster,
  wanted: string,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const all = await Promise.all(
      cluster.members.map(async (member) => (await versionsOf(member)).etcdcluster),
    );
    if (all.every((version) => version === wanted)) return;
    if (performance.now() > giveUpAt)
      throw new Error(`the cluster version is ${all.join(", ")}, not ${wanted}`);
    await sleep(200);
  }
}

/** Waits until `check` no longer throws. */
export async function eventually(check: () => Promise<void> | void, timeoutMs = TIMEOUT_MS): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
    }
    await sleep(100);
  }
}
