/** The end of a run: everything is healed, and all members are compared with each other and with the history. */
import { prefixEnd } from "@quorate/testkit/grpc";
import type { KeyValue } from "@quorate/testkit/messages";
import { type MemberClient, textOf } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { LEASE_PREFIX, LEASE_TTL_SECONDS } from "./load/leases.ts";
import type { Load } from "./load/load.ts";
import { sleep } from "./load/session.ts";
import type { MemberProcess } from "./member-process.ts";

/** How long one call may take, with 1 GB in the store and a busy machine. */
const PATIENCE_MS = 90_000;
/** Few enough that a page of large values is no large message. */
const PAGE_KEYS = 300;

/** Heals everything, lets the load end, and compares all members with each other and with the history. */
export async function finish(cluster: Cluster, load: Load): Promise<void> {
  const { journal } = load;
  await cluster.heal();
  await cluster.healthy();
  await load.stopWorkers();
  await everyMemberWrites(cluster, load);
  await load.probesEnd();
  await naming("waiting for leases to end", leasesEnd(cluster));
  const [first] = cluster.members as [MemberProcess];
  const asked = naming(
    "asking for the last revision",
    cluster.client(first).range({ key: "end" }, PATIENCE_MS),
  );
  const end = (await asked).header!.revision;
  await watchersReach(load, end);
  const hashes = new Map<string, string>();
  for (const member of cluster.members) {
    const client = cluster.client(member);
    const { name } = member;
    // A linearizable read first: the member has applied everything up to the end.
    await naming(`reading at ${name}`, client.range({ key: "end" }, PATIENCE_MS));
    const kvs = await naming(`reading everything at ${name}`, everything(client, end));
    const difference = journal.history.compareState(kvs, end);
    if (difference !== undefined) journal.problem(`${name} at revision ${end}: ${difference}`);
    const hashing = client.hashKv({ revision: end }, PATIENCE_MS);
    const { hash, compact_revision } = await naming(`hashing at ${name}`, hashing);
    hashes.set(name, `${hash} compacted at ${compact_revision}`);
  }
  if (new Set(hashes.values()).size > 1) {
    const all = [...hashes].map(([name, hash]) => `${name} ${hash}`).join(", ");
    journal.problem(`members have different hashes at revision ${end}: ${all}`);
  }
  await sameMembers(cluster, load);
}

/** What a member itself holds at a revision, read in pages. */
async function everything(client: MemberClient, revision: number): Promise<KeyValue[]> {
  const all: KeyValue[] = [];
  let key = Buffer.from([0]);
  for (;;) {
    const page = await client.range(
      { key, range_end: Buffer.from([0]), limit: PAGE_KEYS, serializable: true, revision },
      PATIENCE_MS,
    );
    all.push(...page.kvs);
    if (!page.more) return all;
    key = Buffer.concat([page.kvs.at(-1)!.key, Buffer.from([0])]);
  }
}

async function everyMemberWrites(cluster: Cluster, load: Load): Promise<void> {
  for (const member of cluster.members) {
    try {
      await load.firstAcknowledgement([member.name]);
    } catch (error) {
      load.journal.problem(`${member.name} after everything was healed: ${textOf(error)}`);
    }
  }
}

/** Waits until every key on a lease is gone, and every member lists the same leases. */
async function leasesEnd(cluster: Cluster): Promise<void> {
  const giveUpAt = performance.now() + LEASE_TTL_SECONDS * 1_000 + 15_000;
  for (;;) {
    const [first] = cluster.members as [MemberProcess];
    const { count } = await cluster
      .client(first)
      .range({ key: LEASE_PREFIX, range_end: prefixEnd(LEASE_PREFIX), count_only: true }, PATIENCE_MS);
    const lists = await Promise.all(
      cluster.members.map(async (member) => {
        const { leases } = await cluster.client(member).leases({}, PATIENCE_MS);
        return leases
          .map(({ ID }) => ID.toString(16))
          .sort()
          .join(" ");
      }),
    );
    if (count === 0 && new Set(lists).size === 1) return;
    if (performance.now() > giveUpAt) {
      throw new Error(`${count} keys on leases are left; members list the leases ${lists.join(" | ")}`);
    }
    await sleep(100);
  }
}

/** Waits for all watchers, as long as they get on. */
async function watchersReach(load: Load, revision: number): Promise<void> {
  for (const [name, watcher] of load.watchers()) {
    let last = watcher.revision;
    let movedMs = performance.now();
    while (watcher.revision < revision && load.journal.problems.length === 0) {
      if (watcher.revision !== last) {
        last = watcher.revision;
        movedMs = performance.now();
      }
      if (performance.now() - movedMs > PATIENCE_MS) {
        throw new Error(`the watcher of ${name} stands at ${last}, the end is at ${revision}`);
      }
      await sleep(20);
    }
  }
}

/** Every member knows the members that there are. */
async function sameMembers(cluster: Cluster, load: Load): Promise<void> {
  const wanted = cluster.members
    .map(({ name, id, place }) => `${name} ${id.toString(16)} ${place.advertisedPeerUrl} voter`)
    .sort()
    .join("; ");
  for (const member of cluster.members) {
    const { members } = await cluster.client(member).memberList({ linearizable: true }, PATIENCE_MS);
    const listed = members
      .map(
        ({ name, ID, peerURLs, isLearner }) =>
          `${name} ${ID.toString(16)} ${peerURLs.join()} ${isLearner ? "learner" : "voter"}`,
      )
      .sort()
      .join("; ");
    if (listed !== wanted)
      load.journal.problem(`${member.name} lists the members ${listed}, and not ${wanted}`);
  }
}

/** Says of a failure what was being done. */
async function naming<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${what}: ${textOf(error)}`, { cause: error });
  }
}
