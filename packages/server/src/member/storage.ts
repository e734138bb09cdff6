import { type ConfState, MemoryStorage, type NodeId } from "@quorate/raft";
import { clusterId, formatId, memberId } from "../cluster/ids.ts";
import { Membership } from "../cluster/membership.ts";
import { ConfigError } from "../config/errors.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Backend } from "../seams/backend.ts";
import { baseName, type Disk, type DiskLock } from "../seams/disk.ts";
import type { Logger } from "../telemetry/logger.ts";
import { lastValidSnapshot } from "../wal/snapshot-records.ts";
import type { HardState, WalSnapshot } from "../wal/types.ts";
import { Wal } from "../wal/wal.ts";

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
  /** True when there was no log before: raft must be given its first configuration. */
  readonly isNew: boolean;
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

/** Opens an existing data directory or makes a new one. Throws with a text that says which file is wrong and where. */
export async function openStorage(
  config: ServerConfig,
  disk: Disk,
  openBackend: (path: string) => Promise<Backend>,
  log: Logger,
): Promise<MemberStorage> {
  const paths = storagePaths(config);
  await disk.makeDirectory(paths.snap);
  await warnOfForeignNames(config, disk, log);
  const lock = await disk.lock(`${config.dataDir}/member/lock`);
  try {
    for (const name of await disk.list(paths.snap)) {
      if (name.startsWith("tmp")) await disk.remove(`${paths.snap}/${name}`);
    }
    const exists = await Wal.exists(disk, paths.wal);
    return exists
      ? await reopen(paths, disk, openBackend, lock, log)
      : await create(config, paths, disk, openBackend, lock, log);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function create(
  config: ServerConfig,
  paths: StoragePaths,
  disk: Disk,
  openBackend: (path: string) => Promise<Backend>,
  lock: DiskLock,
  log: Logger,
): Promise<MemberStorage> {
  const own = ownInitialMember(config);
  const localId = memberId(own.peerUrls, config.initialClusterToken);
  const cluster = clusterId(
    config.initialCluster.map((member) => memberId(member.peerUrls, config.initialClusterToken)),
  );
  log.info("bootstrapping a new member", { memberId: formatId(localId), clusterId: formatId(cluster) });
  const backend = await openBackend(paths.database);
  const wal = await Wal.create(disk, paths.wal, { nodeId: localId, clusterId: cluster });
  const membership = new Membership(backend, cluster, localId);
  membership.restore();
  return {
    localId,
    clusterId: cluster,
    wal,
    backend,
    raftLog: new MemoryStorage(),
    hardState: { term: 0, vote: 0n, commit: 0 },
    snapshot: { index: 0, term: 0 },
    membership,
    isNew: true,
    lock,
  };
}

async function reopen(
  paths: StoragePaths,
  disk: Disk,
  openBackend: (path: string) => Promise<Backend>,
  lock: DiskLock,
  log: Logger,
): Promise<MemberStorage> {
  const snapshot = (await lastValidSnapshot(disk, paths.wal)) ?? { index: 0, term: 0 };
  const backend = await openBackend(paths.database);
  const appliedIndex = backend.consistentIndex;
  if (appliedIndex < snapshot.index) {
    throw new Error(
      `database file (${paths.database} index ${appliedIndex}) does not match with snapshot (index ${snapshot.index}); ` +
        "restore the member from a snapshot file",
    );
  }
  const { wal, content, repair } = await Wal.open(disk, paths.wal, snapshot);
  if (repair !== undefined) log.warn("repaired the log after a torn write", { ...repair });
  if (content.metadata === undefined) throw new Error(`${paths.wal}: the log does not say whose it is`);
  const { nodeId, clusterId: cluster } = content.metadata;
  const membership = new Membership(backend, cluster, nodeId);
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
  const hardState = { ...content.hardState, commit: Math.max(content.hardState.commit, appliedIndex) };
  raftLog.setHardState(hardState);
  raftLog.append(content.entries);
  log.info("restarting a member", {
    memberId: formatId(nodeId),
    clusterId: formatId(cluster),
    snapshotIndex: snapshot.index,
    consistentIndex: appliedIndex,
    entries: content.entries.length,
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
    isNew: false,
    lock,
  };
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

/** Checks what a new member was told about its cluster. */
function ownInitialMember(config: ServerConfig): { readonly peerUrls: readonly string[] } {
  const own = config.initialCluster.find((member) => member.name === config.name);
  if (own === undefined) {
    throw new ConfigError(`couldn't find local name "${config.name}" in the initial cluster configuration`);
  }
  const missing = own.peerUrls.find((url) => !config.initialAdvertisePeerUrls.includes(url));
  if (missing !== undefined) {
    throw new ConfigError(
      `--initial-cluster has ${config.name}=${missing} but missing from --initial-advertise-peer-urls=${config.initialAdvertisePeerUrls.join(",")}`,
    );
  }
  const extra = config.initialAdvertisePeerUrls.find((url) => !own.peerUrls.includes(url));
  if (extra !== undefined) {
    throw new ConfigError(
      `--initial-advertise-peer-urls has ${extra} but missing from --initial-cluster=${config.name}=${own.peerUrls.join(",")}`,
    );
  }
  if (config.initialCluster.length > 1 || config.initialClusterState === "existing") {
    throw new ConfigError(
      "clusters of several members are not supported by this release; start a single new member",
    );
  }
  return own;
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
