import { type ConfState, type Entry, type LogIndex, MemoryStorage, type NodeId } from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import { baseName, type Disk, type DiskLock, directoryOf } from "@quorate/storage/seams/disk";
import { forgetSnapshot } from "@quorate/storage/wal/forget-snapshot";
import type { SegmentLocks } from "@quorate/storage/wal/segment-locks";
import { findStart, type LogStart } from "@quorate/storage/wal/snapshot-records";
import type { HardState, WalSnapshot } from "@quorate/storage/wal/types";
import { Wal, type WalOptions } from "@quorate/storage/wal/wal";
import { WalLock } from "@quorate/storage/wal/wal-lock";
import { formatId } from "../cluster/ids.ts";
import type { ClusterMember } from "../cluster/member-json.ts";
import { Membership } from "../cluster/membership.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import {
  type FindDatabaseFault,
  receivedDatabasePath,
  removeOrphans,
} from "../snapshot/received-database.ts";
import { defragmentAtStart } from "./defragment-at-start.ts";
import { forceNewCluster } from "./force-new-cluster.ts";
import type { InitialIdentity } from "./joining.ts";
import { LastDefragmentation } from "./last-defragmentation.ts";

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
  /** Of a member that has an interval for them. */
  readonly lastDefragmentation: LastDefragmentation | undefined;
  readonly lock: DiskLock;
}

export interface StoragePaths {
  readonly snap: string;
  readonly wal: string;
  readonly database: string;
  readonly lastDefragmentation: string;
}

export function storagePaths(config: ServerConfig): StoragePaths {
  const snap = `${config.dataDir}/member/snap`;
  const lastDefragmentation = `${config.dataDir}/member/last-defragmentation`;
  return { snap, wal: config.walDir, database: `${snap}/db`, lastDefragmentation };
}

/** Where the databases of a member are. */
export interface Databases {
  /** The member's own, made if there is none. */
  open(path: string): Promise<Backend>;
  /** Makes what was received with the snapshot at `index`, in the member's own format, the file at `path`. */
  importReceived(index: LogIndex, path: string): Promise<void>;
  /** Opens what was received with the snapshot at `index`, beside the member's own. */
  openReceived(index: LogIndex): Promise<Backend>;
  readonly findReceivedFault: FindDatabaseFault;
}

export interface StorageOptions {
  readonly config: ServerConfig;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly databases: Pick<Databases, "open" | "importReceived" | "findReceivedFault">;
  /** Asked only when there is no log yet. */
  readonly findIdentity: () => Promise<InitialIdentity>;
  readonly log: Logger;
  /** For the simulator, whose logs are short. */
  readonly walSegmentBytes?: number;
}

/**
 * Opens an existing data directory or makes a new one. Throws with a text that says which file is wrong and what to do;
 * then nothing stays open or locked.
 */
export async function openStorage(options: StorageOptions): Promise<MemberStorage> {
  const { config, disk, log } = options;
  const paths = storagePaths(config);
  await using opened = new AsyncDisposableStack();
  // The first failure is the one to report.
  const closeLater = (close: () => Promise<void>) => opened.defer(() => close().catch(() => {}));
  await disk.makeDirectory(directoryOf(paths.snap));
  await warnOfForeignNames(config, disk, log);
  // All locks come before anything is changed: a directory that somebody else works in stays as it is.
  const dataLock = await disk.lock(`${config.dataDir}/member/lock`);
  closeLater(() => dataLock.release());
  const walLock = await WalLock.take(disk, paths.wal);
  closeLater(() => walLock.release());
  const found = (await Wal.exists(disk, paths.wal)) ? await findStart(disk, paths.wal) : undefined;
  if (found?.hasState === true && !(await disk.exists(paths.snap))) refuseForeignLog(paths);
  await disk.makeDirectory(paths.snap);
  const { backend, start } = await openDatabase(paths, found, walLock.segments, options);
  const isRestart = start?.hasState === true;
  closeLater(() => backend.close());
  await removeLeftovers(disk, paths.snap, backend.consistentIndex);
  await defragmentAtStart(backend, config.defragmentAtStartBytes, log);
  const context: OpeningContext = { options, paths, backend, segmentLocks: walLock.segments, closeLater };
  const lastDefragmentation = await openLastDefragmentation(paths.lastDefragmentation, options);
  const member = isRestart ? await restart(start, context) : await begin(context);
  opened.move();
  return {
    ...member,
    backend,
    isRestart,
    lastDefragmentation,
    lock: {
      release: async () => {
        await walLock.release();
        await dataLock.release();
      },
    },
  };
}

async function openLastDefragmentation(
  path: string,
  { config, disk, clock, log }: StorageOptions,
): Promise<LastDefragmentation | undefined> {
  if (config.autoDefragmentation === undefined) return undefined;
  return LastDefragmentation.open({ disk, clock, log: log.for("member/last-defragmentation.ts"), path });
}

/**
 * What was being received is not needed any more, nor is what has been up to the index that the database reflects. A later
 * one is kept: the log may hold the record of its snapshot without the commit that makes a start believe it. When the
 * member has gone on by entries instead, that commit comes with them, and a start after it asks for this database.
 */
async function removeLeftovers(disk: Disk, snapDirectory: string, consistentIndex: LogIndex): Promise<void> {
  for (const name of await disk.list(snapDirectory)) {
    if (name.startsWith("tmp")) await disk.remove(`${snapDirectory}/${name}`);
  }
  await removeOrphans(disk, snapDirectory, consistentIndex + 1);
}

interface OpeningContext {
  readonly options: StorageOptions;
  readonly paths: StoragePaths;
  readonly backend: Backend;
  readonly segmentLocks: SegmentLocks;
  /** Should the start fail. */
  readonly closeLater: (close: () => Promise<void>) => void;
}

type OpenedLog = Omit<MemberStorage, "backend" | "isRestart" | "lastDefragmentation" | "lock">;

/** A member without a log, or with one that its first start had no time to write to: its life begins here. */
async function begin(context: OpeningContext): Promise<OpenedLog> {
  const { options, paths, backend, segmentLocks, closeLater } = context;
  const { config, disk, log } = options;
  refuseWithoutLog(backend, paths);
  const { localId, clusterId, firstMembers, remotes } = await options.findIdentity();
  log.info("bootstrapping a new member", {
    memberId: formatId(localId),
    clusterId: formatId(clusterId),
    joins: firstMembers.length === 0,
  });
  await Wal.remove(disk, paths.wal, segmentLocks);
  const wal = await Wal.create(disk, paths.wal, { nodeId: localId, clusterId }, walOptions(context));
  closeLater(() => wal.close());
  // A member that forgets itself in a power failure would begin a second life under its old ID.
  const above = new Set([...ancestorsOf(paths.database, 4), ...ancestorsOf(paths.wal, 3)]);
  for (const directory of above) await disk.syncDirectory(directory);
  const membership = new Membership(backend, clusterId, localId, config.maxLearners);
  membership.restore();
  return {
    localId,
    clusterId,
    wal,
    raftLog: new MemoryStorage(),
    hardState: { term: 0, vote: 0n, commit: 0 },
    snapshot: { index: 0, term: 0 },
    membership,
    firstMembers,
    remotes,
  };
}

function walOptions({ options, segmentLocks: locks }: OpeningContext): WalOptions {
  const { walSegmentBytes: segmentBytes } = options;
  return segmentBytes === undefined ? { locks } : { locks, segmentBytes };
}

/**
 * A database says what a member has acknowledged only together with its log. Beginning a new life on it would lose the
 * vote and what the log had beyond it, and would skip the first entries of the new one.
 */
function refuseWithoutLog(backend: Backend, { database, wal }: StoragePaths): void {
  const isEmpty =
    backend.consistentIndex === 0 &&
    backend.lastRevision() === undefined &&
    backend.entries("members").length === 0;
  if (isEmpty) return;
  throw new Error(
    `database file (${database} index ${backend.consistentIndex}) has no log (${wal} ends at index 0): if the log lies ` +
      "elsewhere or its volume is not mounted, set that right and start again; if it is lost, remove this member from its " +
      "cluster and add it again with an empty data directory, or restore a cluster of one from a snapshot file",
  );
}

/** A first start makes the database's directory before the log, so this log began its life with another one. */
function refuseForeignLog({ snap, wal }: StoragePaths): never {
  throw new Error(
    `the log (${wal}) is that of a member whose database is not here (there is no ${snap}): if it lies elsewhere or its ` +
      "volume is not mounted, set --data-dir right and start again; a new member needs a --wal-dir of its own",
  );
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

async function restart(start: LogStart, context: OpeningContext): Promise<OpenedLog> {
  const { options, paths, backend, closeLater } = context;
  const { config, disk, clock, log } = options;
  const { snapshot, surveys } = start;
  const appliedIndex = backend.consistentIndex;
  assert(appliedIndex >= snapshot.index, "the database has what the log begins after");
  const { wal, content, repair } = await Wal.open(disk, paths.wal, snapshot, {
    surveys,
    clock,
    ...walOptions(context),
  });
  closeLater(() => wal.close());
  if (repair !== undefined) log.warn("repaired the log after a torn write", { ...repair });
  if (content.metadata === undefined) throw new Error(`${paths.wal}: the log does not say whose it is`);
  const { nodeId, clusterId } = content.metadata;
  const membership = new Membership(backend, clusterId, nodeId, config.maxLearners);
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
    throw new Error(
      `database file (${paths.database} index ${appliedIndex}) is ahead of the log (${paths.wal} ends at index ${lastIndex}): ` +
        "the log has lost entries; restore the member from a snapshot file",
    );
  }
  // A commit is not synced by itself, so the log may say less than what the backend proves.
  let hardState = { ...content.hardState, commit: Math.max(content.hardState.commit, appliedIndex) };
  let entries: readonly Entry[] = content.entries;
  if (config.forceNewCluster) {
    ({ entries, hardState } = await forceNewCluster({
      entries,
      wal,
      membership,
      hardState,
      appliedIndex,
      log,
    }));
  }
  raftLog.setHardState(hardState);
  raftLog.append(entries);
  log.info("restarting a member", {
    memberId: formatId(nodeId),
    clusterId: formatId(clusterId),
    snapshotIndex: snapshot.index,
    consistentIndex: appliedIndex,
    entries: entries.length,
    commit: hardState.commit,
  });
  return {
    localId: nodeId,
    clusterId,
    wal,
    raftLog,
    hardState,
    snapshot,
    membership,
    firstMembers: [],
    remotes: [],
  };
}

/** What a member opens together: neither means anything without the other. */
interface OpenedDatabase {
  readonly backend: Backend;
  /** Where the log begins for this database. */
  readonly start: LogStart | undefined;
}

/**
 * Opens the database that goes with the log; when the member died between having the log name a received snapshot and
 * making its database the state, that one, which takes the place of the old.
 *
 * If the received database has been damaged or lost meanwhile, the member is taken back to before it had the snapshot:
 * the old database, the log up to there, and the term and vote of now. That is safe for what the log's end shows. A
 * snapshot's record is followed by entries only when its database has become the state. So no entry that this member has
 * acknowledged is forgotten; those that the snapshot stands for are committed without it, and its vote is measured by the
 * log that it really has. The leader finds out what it lacks, and sends the snapshot again. In all other cases what
 * the log has behind the snapshot may have been acknowledged, and the member is refused.
 */
async function openDatabase(
  paths: StoragePaths,
  start: LogStart | undefined,
  segmentLocks: SegmentLocks,
  options: StorageOptions,
): Promise<OpenedDatabase> {
  const { disk, databases, log } = options;
  const snapshot = start?.hasState === true ? start.snapshot : { index: 0, term: 0 };
  const { index } = snapshot;
  const backend = await databases.open(paths.database);
  if (backend.consistentIndex >= index) return { backend, start };
  const oldIndex = backend.consistentIndex;
  await backend.close();

  const received = receivedDatabasePath(paths.snap, index);
  const isMissing = !(await disk.exists(received));
  const fault = isMissing ? `${received} is missing` : await databases.findReceivedFault(received, index);
  if (fault === undefined) {
    log.info("Recovering from snapshot backend", { index });
    await databases.importReceived(index, paths.database);
    const imported = await databases.open(paths.database);
    assert(imported.consistentIndex >= index, "an imported database reflects its snapshot");
    return { backend: imported, start };
  }

  const forgotten = await forgetSnapshot(disk, paths.wal, snapshot, segmentLocks);
  if (forgotten !== undefined) {
    log.warn("forgot a received snapshot whose database is of no use; the leader will send it again", {
      index,
      fault,
      ...forgotten,
    });
    if (!isMissing) await disk.remove(received);
    const before = await findStart(disk, paths.wal);
    const old = await databases.open(paths.database);
    if (old.consistentIndex >= before.snapshot.index) return { backend: old, start: before };
    await old.close();
  }
  const missing = isMissing
    ? "failed to find database snapshot file (snap: snapshot file doesn't exist): "
    : "";
  throw new Error(
    `${missing}database file (${paths.database} index ${oldIndex}) does not match with snapshot (index ${index}): ${fault}; ` +
      "remove this member from its cluster and add it again with an empty data directory, " +
      "or restore a cluster of one from a snapshot file",
  );
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
