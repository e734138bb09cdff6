import { confChangeOf, isConfChangeV2 } from "@quorate/raft";
import { afterConfChange, type ClusterMembers, formatId } from "@quorate/server/offline";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import type { DatabaseRemains, LogRemains, Remains } from "./remains.ts";

/** The log that goes furthest, with a database that it goes on from. */
export interface Best {
  /** Whose log it is. */
  readonly of: Remains;
  readonly log: LogRemains;
  readonly database: DatabaseRemains;
  /** The members once all of the log has been applied. */
  readonly cluster: ClusterMembers;
}

export interface Assessment {
  readonly best: Best | undefined;
  /** At which revision databases are compared; undefined when there is none that all still have. */
  readonly commonRevision: bigint | undefined;
  /** Of the database of each of the remains, in their order. */
  readonly hashes: readonly (number | undefined)[];
  /** What contradicts itself: no member can be trusted to be right then. */
  readonly contradictions: readonly string[];
}

/** Compares what is left of members of one cluster. Throws Exit when they are of several. `chosen` names what is to be the best. */
export function assess(all: readonly Remains[], chosen: string): Assessment {
  refuseStrangers(all);
  const databases = all.flatMap(({ database }) => (database === undefined ? [] : [database]));
  const least = databases.map(({ revision }) => revision).reduce((a, b) => (a < b ? a : b), 2n ** 63n - 1n);
  const isCommon = databases.length > 0 && databases.every(({ compactRevision }) => compactRevision <= least);
  const commonRevision = isCommon ? least : undefined;
  const hashes = all.map(({ database }) =>
    commonRevision === undefined ? undefined : database?.hashAt(commonRevision),
  );
  return {
    best: bestOf(all, chosen),
    commonRevision,
    hashes,
    contradictions: [...differentTerms(all), ...differentHashes(all, hashes, commonRevision)],
  };
}

function refuseStrangers(all: readonly Remains[]): void {
  const ofClusters = new Map(
    all.flatMap(({ dataDir, log }) => (log === undefined ? [] : [[log.clusterId, dataDir] as const])),
  );
  if (ofClusters.size < 2) return;
  const list = [...ofClusters].map(([id, dataDir]) => `${dataDir} of ${formatId(id)}`).join(", ");
  throw new Exit(ExitCode.ERROR, `these are members of different clusters: ${list}`);
}

function bestOf(all: readonly Remains[], chosen: string): Best | undefined {
  const candidates = all
    .filter(({ dataDir, log }) => log !== undefined && (chosen === "" || dataDir === chosen))
    .sort((a, b) => compareLogs(b.log!, a.log!));
  for (const of of candidates) {
    const log = of.log!;
    const fitting = all
      .flatMap(({ database }) => (database !== undefined && fits(database, log) ? [database] : []))
      // What it has itself is taken before what goes further of others: the log has the rest.
      .sort((a, b) => Number(b === of.database) - Number(a === of.database) || b.index - a.index);
    const [database] = fitting;
    if (database !== undefined) return { of, log, database, cluster: clusterAfter(log, database) };
  }
  return undefined;
}

/** As raft compares those who want to lead. */
function compareLogs(a: LogRemains, b: LogRemains): number {
  return a.lastTerm - b.lastTerm || a.lastIndex - b.lastIndex || a.hardState.commit - b.hardState.commit;
}

/** Whether a database is the state after an entry of a log, from which the log goes on. */
function fits({ index, term }: DatabaseRemains, log: LogRemains): boolean {
  if (index < log.snapshot.index || index > log.lastIndex) return false;
  return term === 0 || index === 0 || log.termOf(index) === term;
}

function clusterAfter(log: LogRemains, database: DatabaseRemains): ClusterMembers {
  let cluster: ClusterMembers = {
    members: new Map(database.members.map((member) => [member.id, member])),
    removed: database.removedIds,
    maxLearners: Number.POSITIVE_INFINITY,
  };
  for (const entry of log.memberChanges) {
    if (entry.index <= database.index) continue;
    const change = confChangeOf(entry);
    if (!isConfChangeV2(change)) cluster = afterConfChange(cluster, change);
  }
  return cluster;
}

/** An index below what two members know to be committed is one entry. */
function* differentTerms(all: readonly Remains[]): Generator<string> {
  const logs = all.flatMap(({ dataDir, log }) => (log === undefined ? [] : [{ dataDir, log }]));
  for (const [i, a] of logs.entries())
    for (const b of logs.slice(i + 1)) {
      const index = Math.min(
        a.log.hardState.commit,
        b.log.hardState.commit,
        a.log.lastIndex,
        b.log.lastIndex,
      );
      const [termA, termB] = [a.log.termOf(index), b.log.termOf(index)];
      if (termA === undefined || termB === undefined || termA === termB) continue;
      yield `${a.dataDir} has committed entry ${index} of term ${termA}, and ${b.dataDir} one of term ${termB}`;
    }
}

/** Hashes count what a compaction has left: only those with the same one can be compared. */
function* differentHashes(
  all: readonly Remains[],
  hashes: readonly (number | undefined)[],
  revision: bigint | undefined,
): Generator<string> {
  const first = new Map<bigint, number>();
  for (const [i, { dataDir, database }] of all.entries()) {
    const hash = hashes[i];
    if (database === undefined || hash === undefined) continue;
    const other = first.get(database.compactRevision);
    if (other === undefined) first.set(database.compactRevision, i);
    else if (hashes[other] !== hash)
      yield `${all[other]!.dataDir} and ${dataDir} have different keys at revision ${revision}`;
  }
}
