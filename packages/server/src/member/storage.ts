import { type ConfState, type Entry, MemoryStorage, type NodeId } from "@quorate/raft";
import { formatId } from "../cluster/ids.ts";
import type { ClusterMember } from "../cluster/member-json.ts";
import { Membership } from "../cluster/membership.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Backend } from "../seams/backend.ts";
import { baseName, type Disk, type DiskLock, directoryOf } from "../seams/disk.ts";
import { receivedDatabasePath, removeOrphans } from "../snapshot/received-database.ts";
import type { Logger } from "../telemetry/logger.ts";
import { findStart } from "../wal/snapshot-records.ts";
import type { HardState, WalSnapshot } from "../wal/types.ts";
import { Wal } from "../wal/wal.ts";
import { forceNewCluster } from "./force-new-cluster.ts";
import type { InitialIdentity } from "./joining.ts";

/** Everything durable of a member, open, and the raft log rebuilt from it. */
export interface MemberStorage {
  readonly localId: NodeId;
  readonly clusterId: bigint;
  readonly wal: Wal;
  readonly backend: Backend;
  readonly raftLog: MemoryStorage;
  readonly hardState: HardState;
  /** What the log starts after. */
  readonly snapshot: WalSnapshot;
  readonly membership: Membership;
  /** Of a cluster that begins now: raft must be given its first configuration. Otherwise empty. */
  readonly firstMembers: readonly ClusterMember[];
  /** Of a running cluster that this member joins now: everything else comes from them. Otherwise empty. */
  readonly remotes: readonly ClusterMember[];
  /** There was a log before. */
  readonly isRestart: boolean;
  readonly lock: DiskLock;
}

export interface StoragePaths {
  readonly snap: string;
  readonly wal: string;
  readonly database: string;
}

export function storagePaths(config: ServerConfig): StoragePaths {
  const snap = `${config.dataDir}/member/snap`;
  return { snap, wal: config.walDir, database: `${snap}/db` };
}

export interface StorageOptions {
  readonly config: ServerConfig;
  readonly disk: Disk;
  readonly openBackend: (path: string) => Promise<Backend>;
  /** Makes the database received with the snapshot at `index`, in the member's own format, the file at `path`. */
  readonly importReceived: (index: number, path: string) => Promise<void>;
  /** Asked only when there is no log yet. */
  readonly findIdentity: () => Promise<InitialIdentity>;
  readonly log: Logger;
}

/** Opens an existing data directory or makes a new one. Throws with a text that says which file is wrong and where. */
export async function openStorage(options: StorageOptions): Promise<MemberStorage> {
  const { config, disk, log } = options;
  const paths = storagePaths(config);
  await disk.makeDirectory(paths.snap);
  await warnOfForeignNames(config, disk, log);
  const lock = await disk.lock(`${config.dataDir}/member/lock`);
  try {
    for (const name of await disk.list(paths.snap)) {
      if (name.startsWith("tmp")) await disk.remove(`${paths.snap}/${name}`);
    }
    if (await Wal.exists(disk, paths.wal)) return await reopen(paths, options, lock);
    return await create(await options.findIdentity(), paths, options, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function create(
  identity: InitialIdentity,
  paths: StoragePaths,
  options: StorageOptions,
  lock: DiskLock,
): Promise<MemberStorage> {
  const { config, disk, log } = options;
  const { localId, clusterId, firstMembers, remotes } = identity;
  log.info("bootstrapping a new member", {
    memberId: formatId(localId),
    clusterId: formatId(clusterId),
    joins: firstMembers.length === 0,
  });
  const backend = await options.openBackend(paths.database);
  const wal = await Wal.create(disk, paths.wal, { nodeId: localId, clusterId });
  // A member that forgets itself in a power failure would begin a second life under its old ID.
  for (const directory of new Set([paths.snap, paths.wal].flatMap((path) => ancestorsOf(path, 3)))) {
    await disk.syncDirectory(directory);
  }
  const membership = new Membership(backend, clusterId, localId, config.maxLearners);
  membership.restore();
  return {
    localId,
    clusterId,
    wal,
    backend,
    raftLog: new MemoryStorage(),
    hardState: { term: 0, vote: 0n, commit: 0 },
    snapshot: { index: 0, term: 0 },
    membership,
    firstMembers,
    remotes,
    isRestart: false,
    lock,
  };
}

/** The `count` directories above `path`, the nearest first. */
function ancestorsOf(path: string, count: number): string[] {
  const ancestors: string[] = [];
  for (let at = directoryOf(path); ancestors.length < count; at = directoryOf(at)) {
    if (ancestors.includes(at)) break;
    ancestors.push(at);
  }
  return ancestors;
}

async function reopen(paths: StoragePaths, options: StorageOptions, lock: DiskLock): Promise<MemberStorage> {
  const { config, disk, log } = options;
  const { snapshot, resume } = await findStart(disk, paths.wal);
  const backend = await openDatabase(paths, snapshot.index, options);
  const appliedIndex = backend.consistentIndex;
  const { wal, content, repair } = await Wal.open(disk, paths.wal, snapshot, { resume });
  if (repair !== undefined) log.warn("repaired the log after a torn write", { ...repair });
  if (content.metadata === undefined) throw new Error(`${paths.wal}: the log does not say whose it is`);
  const { nodeId, clusterId: cluster } = content.metadata;
  const membership = new Membership(backend, cluster, nodeId, config.maxLearners);
  membership.restore();

  const raftLog = new MemoryStorage();
  const confState = confStateOf(membership);
  if (confState.voters.length > 0) {
    raftLog.applySnapshot({
      data: new Uint8Array(0),
      metadata: { index: snapshot.index, term: snapshot.term, confState },
    });
  }
  const lastIndex = content.entries.at(-1)?.index ?? snapshot.index;
  if (appliedIndex > lastIndex) {
    await wal.close();
    await backend.close();
    throw new Error(
      `database file (${paths.database} index ${appliedIndex}) is ahead of the log (${paths.wal} ends at index ${lastIndex}): ` +
        "the log has lost entries; restore the member from a snapshot file",
    );
  }
  // A commit is not synced by itself, so the log may say less than what the backend proves.
  let hardState = { ...content.hardState, commit: Math.max(content.hardState.commit, appliedIndex) };
  let entries: readonly Entry[] = content.entries;
  if (config.forceNewCluster) {
    ({ entries, hardState } = await forceNewCluster({ entries, wal, membership, hardState, log }));
  }
  raftLog.setHardState(hardState);
  raftLog.append(entries);
  log.info("restarting a member", {
    memberId: formatId(nodeId),
    clusterId: formatId(cluster),
    snapshotIndex: snapshot.index,
    consistentIndex: appliedIndex,
    entries: entries.length,
    commit: hardState.commit,
  });
  return {
    localId: nodeId,
    clusterId: cluster,
    wal,
    backend,
    raftLog,
    hardState,
    snapshot,
    membership,
    firstMembers: [],
    remotes: [],
    isRestart: true,
    lock,
  };
}

/**
 * The database; when the member died between saving a received snapshot and making its database the state, that one,
 * which takes the place of the old.
 */
async function openDatabase(
  paths: StoragePaths,
  snapshotIndex: number,
  { disk, openBackend, importReceived, log }: StorageOptions,
): Promise<Backend> {
  let backend = await openBackend(paths.database);
  if (backend.consistentIndex >= snapshotIndex) return backend;
  const received = await disk.exists(receivedDatabasePath(paths.snap, snapshotIndex));
  if (received) {
    log.info("Recovering from snapshot backend", { index: snapshotIndex });
    await backend.close();
    await importReceived(snapshotIndex, paths.database);
    backend = await openBackend(paths.database);
    await removeOrphans(disk, paths.snap, snapshotIndex + 1);
  }
  if (backend.consistentIndex < snapshotIndex) {
    await backend.close();
    const missing = "failed to find database snapshot file (snap: snapshot file doesn't exist): ";
    throw new Error(
      `${received ? "" : missing}database file (${paths.database} index ${backend.consistentIndex}) does not match ` +
        `with snapshot (index ${snapshotIndex}); restore the member from a snapshot file`,
    );
  }
  return backend;
}

/** The configuration follows from the members in the backend, which are as new as its consistent index. */
export function confStateOf(membership: Membership): ConfState {
  const { members } = membership;
  return {
    voters: members.filter((member) => !member.isLearner).map((member) => member.id),
    learners: members.filter((member) => member.isLearner).map((member) => member.id),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}

async function warnOfForeignNames(config: ServerConfig, disk: Disk, log: Logger): Promise<void> {
  for (const name of await disk.list(config.dataDir)) {
    if (name === "proxy") throw new Error(`${config.dataDir}: is the data directory of a v2 proxy`);
    const isWal = config.walDir.startsWith(`${config.dataDir}/`) && baseName(config.walDir) === name;
    if (name !== "member" && !isWal) {
      log.warn("found invalid file under data directory", { filename: name, "data-dir": config.dataDir });
    }
  }
}
