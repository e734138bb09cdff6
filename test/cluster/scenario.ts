/**
 * One fault on one fresh cluster under checked load: from the start of the members to the verdict. A run that fails
 * keeps its logs, data and history in a folder that it names.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { prefixEnd } from "../support/grpc.ts";
import type { KeyValue } from "../support/messages.ts";
import { Random } from "../support/random.ts";
import { type MemberClient, textOf } from "./client.ts";
import { Cluster } from "./cluster.ts";
import { LEASE_PREFIX, LEASE_TTL_SECONDS } from "./load/leases.ts";
import { Load } from "./load/load.ts";
import { sleep } from "./load/session.ts";
import type { MemberProcess } from "./member-process.ts";
import { NamespaceNetwork } from "./network/namespaces.ts";
import type { Network } from "./network/network.ts";
import { ProxyNetwork } from "./network/proxies.ts";

/** Folders of runs that have not come to an end; nobody wants them when the process is told to stop. */
const unfinished = new Set<string>();
process.on("exit", () => {
  for (const dir of unfinished) rmSync(dir, { recursive: true, force: true });
});

export const ELECTION_TIMEOUT_MS = 1_000;
/** See checkLeases. */
const LEASE_TOLERANCE_MS = 2 * ELECTION_TIMEOUT_MS;
/** Few enough that a page of large values is no large message. */
const PAGE_KEYS = 300;
const CATCH_UP_TIMEOUT_MS = 60_000;

/** What a fault has to work with. */
export interface Arena {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly random: Random;
  /** Repetitions: few in the bounded suite, many in the long one. */
  readonly rounds: (few: number, many: number) => number;
  /** A line for the reader of the test's output. */
  readonly report: (line: string) => void;
  /** Lets the load work for a while; throws as soon as something is wrong. */
  readonly work: (ms: number) => Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly what: string;
  /** The network it needs; otherwise the best there is. */
  readonly network?: Network["kind"];
  /** Flags of every member. */
  readonly args?: readonly string[];
  /** Mean pause of a client between two operations. Default 8 ms. */
  readonly paceMs?: number;
  run(arena: Arena): Promise<void>;
}

export interface RunOptions {
  readonly command: readonly string[];
  readonly size: number;
  readonly seed: number;
  readonly network: Network["kind"];
  readonly long: boolean;
  readonly report: (line: string) => void;
}

export async function runScenario(fault: Fault, options: RunOptions): Promise<void> {
  const { report } = options;
  const base = process.env.QUORATE_TMP_DIR ?? tmpdir();
  mkdirSync(base, { recursive: true });
  const dir = mkdtempSync(path.join(base, `quorate-cluster-${fault.name}-`));
  unfinished.add(dir);
  const random = new Random(options.seed);
  const kind = fault.network ?? options.network;
  const network = kind === "namespaces" ? new NamespaceNetwork() : new ProxyNetwork(random);
  const load = new Load({ random, paceMs: fault.paceMs ?? 8 });
  const { journal } = load;
  const cluster = new Cluster({
    command: options.command,
    size: options.size,
    network,
    dir,
    args: fault.args ?? [],
    onUnexpectedExit: (what) => journal.problem(what),
  });
  const throwProblems = (): void => {
    if (journal.problems.length > 0) throw new Error(journal.problems.join("\n"));
  };
  const work = async (ms: number): Promise<void> => {
    for (const endMs = performance.now() + ms; performance.now() < endMs; ) {
      await sleep(Math.min(50, Math.max(0, endMs - performance.now())));
      throwProblems();
    }
  };
  const rounds = (few: number, many: number): number => (options.long ? many : few);
  try {
    await cluster.start();
    for (const member of cluster.members) load.attach(member);
    await work(500);
    await fault.run({ cluster, load, random, rounds, report, work });
    await finish(cluster, load);
    journal.judge(LEASE_TOLERANCE_MS);
    throwProblems();
    report(summary(load));
    await cluster.close();
    if (process.env.QUORATE_KEEP_DIRS === undefined) rmSync(dir, { recursive: true, force: true });
    else await journal.save(path.join(dir, "history.jsonl"));
  } catch (error) {
    await journal.save(path.join(dir, "history.jsonl"));
    const where = `seed ${options.seed}, ${options.size} members, ${kind}; logs, data and history are in ${dir}`;
    const text = `${(error as Error).message}\n${summary(load)}\n${where}`;
    writeFileSync(path.join(dir, "failure.txt"), `${text}\n`);
    throw new Error(text, { cause: error });
  } finally {
    unfinished.delete(dir);
    await cluster.close();
    await load.close();
  }
}

function summary({ journal }: Load): string {
  const errors = [...journal.errors].map(([text, count]) => `${count}x "${text}"`).join(", ");
  return (
    `${journal.operations.length} operations, ${journal.acknowledgedWrites} acknowledged writes, ` +
    `${journal.history.lastRevision} revisions, ${journal.leases.length} leases; ` +
    `errors: ${errors === "" ? "none" : errors}`
  );
}

/** Heals everything, lets the load end, and compares all members with each other and with the history. */
async function finish(cluster: Cluster, load: Load): Promise<void> {
  const { journal } = load;
  await cluster.heal();
  await cluster.healthy();
  await load.stopWorkers();
  await everyMemberWrites(cluster, load);
  await load.probesEnd();
  await leasesEnd(cluster);
  const [first] = cluster.members as [MemberProcess];
  const end = (await cluster.client(first).range({ key: "end" })).header!.revision;
  await watchersReach(load, end);
  const hashes = new Map<string, string>();
  for (const member of cluster.members) {
    const client = cluster.client(member);
    // A linearizable read first: the member has applied everything up to the end.
    await client.range({ key: "end" });
    const difference = journal.history.compareState(await everything(client, end), end);
    if (difference !== undefined) journal.problem(`${member.name} at revision ${end}: ${difference}`);
    const { hash, compact_revision } = await client.hashKv({ revision: end }, 30_000);
    hashes.set(member.name, `${hash} compacted at ${compact_revision}`);
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
      30_000,
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
      .range({ key: LEASE_PREFIX, range_end: prefixEnd(LEASE_PREFIX), count_only: true });
    const lists = await Promise.all(
      cluster.members.map(async (member) => {
        const { leases } = await cluster.client(member).leases({});
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

async function watchersReach(load: Load, revision: number): Promise<void> {
  const giveUpAt = performance.now() + CATCH_UP_TIMEOUT_MS;
  for (const [name, watcher] of load.watchers()) {
    while (watcher.revision < revision && load.journal.problems.length === 0) {
      if (performance.now() > giveUpAt) {
        throw new Error(`the watcher of ${name} stands at ${watcher.revision}, the end is at ${revision}`);
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
    const { members } = await cluster.client(member).memberList({ linearizable: true });
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
