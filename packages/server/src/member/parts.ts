import type { LogIndex, NodeId, RawNode, Term } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Disk } from "@quorate/storage/seams/disk";
import type { Random } from "@quorate/storage/seams/random";
import type { Transport, TransportEvents } from "@quorate/storage/seams/transport";
import { purgeSnapFiles, saveSnapFile } from "@quorate/storage/snap/snap-directory";
import { encodeV2Store } from "@quorate/storage/snap/v2-store";
import { HeaderEncoder } from "@quorate/wire/hot";
import { AlarmStore } from "../alarm/alarm-store.ts";
import type { ApiContext } from "../api/context.ts";
import { Identities } from "../api/identities.ts";
import { StateMachine } from "../apply/state-machine.ts";
import { AuthStore } from "../auth/auth-store.ts";
import { Passwords } from "../auth/passwords.ts";
import type { MembershipChange } from "../cluster/membership.ts";
import { RequestIds } from "../cluster/request-ids.ts";
import { formatDuration } from "../config/duration.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { Consensus } from "../consensus/consensus.ts";
import { LogWriter } from "../consensus/log-writer.ts";
import { createLessor, type LeaseWiring } from "../duties/leases.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Logger } from "../log/logger.ts";
import { MvccStore } from "../mvcc/store.ts";
import { Quota } from "../operations/quota.ts";
import { ResponseHeaders } from "../operations/response-headers.ts";
import { UserAccess } from "../operations/user-access.ts";
import type { PeerRequests } from "../peer/peer-requests.ts";
import { LogCompaction } from "../snapshot/log-compaction.ts";
import { removeOrphans, saveReceivedDatabase } from "../snapshot/received-database.ts";
import { SnapshotInstaller } from "../snapshot/snapshot-installer.ts";
import { SnapshotSender } from "../snapshot/snapshot-sender.ts";
import { WatchHub } from "../watch/hub.ts";
import { createRaftNode } from "./raft-node.ts";
import { confStateOf, type Databases, type MemberStorage, storagePaths } from "./storage.ts";
import type { TokenKeys } from "./token-keys.ts";
import { tokensFor } from "./token-kind.ts";

const GRPC_OVERHEAD_BYTES = 512 * 1024;
/**
 * So long the links to a removed member stay: if it led it still has to answer who asked for the removal, and it stops as
 * soon as somebody refuses it.
 */
const REMOVED_PEER_MS = 1_000;
const BASE_REQUEST_TIMEOUT_MS = 5_000;

/** What the parts reach outside the member. */
export interface PartsSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: Logger;
  readonly databases: Databases;
  /** Single questions to other members. */
  readonly peerRequests: PeerRequests;
  /** For the simulation, whose stores are small: see `MvccStoreOptions`. */
  readonly entryReadCost?: number;
  /** Of tokens that are signed; undefined for others. */
  readonly tokenKeys?: TokenKeys | undefined;
  /** The links to other members; they are named later, one by one. */
  createTransport(storage: MemberStorage, events: TransportEvents): Transport;
}

export interface PartsOptions {
  readonly config: ServerConfig;
  readonly storage: MemberStorage;
  readonly surroundings: PartsSurroundings;
  readonly fail: (error: Error) => void;
  /** This member does not belong to the cluster any more, for good. */
  readonly removed: () => void;
  /** This member leads, and the first entry of its term is applied. */
  readonly leaderCommitted: () => void;
}

/** The parts of a member that work on its log and state, wired to each other; nothing runs yet. */
export interface MemberParts {
  /** For the simulation, which looks at it and plants mistakes in it: only `consensus` uses it. */
  readonly node: RawNode;
  readonly consensus: Consensus;
  readonly writer: LogWriter;
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly compaction: LogCompaction;
  readonly snapshotSender: SnapshotSender;
  readonly transport: Transport;
  readonly context: ApiContext;
}

export function electionTimeoutMs(config: ServerConfig): number {
  return config.electionTicks * config.heartbeatMs;
}

export function requestTimeoutMs(config: ServerConfig): number {
  return BASE_REQUEST_TIMEOUT_MS + 2 * electionTimeoutMs(config);
}

export function buildParts(options: PartsOptions): MemberParts {
  const { config, storage, surroundings, fail } = options;
  const { clock, random, disk, log, databases, entryReadCost } = surroundings;
  const { backend, membership, localId, clusterId } = storage;
  const paths = storagePaths(config);
  const ids = RequestIds.ofMember(localId, clock.wallMs());
  const node = createRaftNode(config, storage, random);
  const alarms = new AlarmStore(backend);
  const store = new MvccStore({
    backend,
    clock,
    random,
    compactionBatchLimit: config.compactionBatchLimit,
    compactionSleepMs: config.compactionSleepMs,
    ...(entryReadCost === undefined ? {} : { entryReadCost }),
    onFatal: (error) => fail(error as Error),
    onCompacted: ({ revision, removed, hash, tookMs }) => {
      log.info("finished scheduled compaction", {
        "compact-revision": revision,
        "number-of-keys-compacted": removed,
        hash,
        "current-db-size-bytes": backend.sizeBytes,
        "current-db-size-in-use-bytes": backend.sizeInUseBytes,
        tookMs: Math.round(tookMs),
      });
    },
  });
  const timeouts = {
    requestTimeoutMs: requestTimeoutMs(config),
    electionTimeoutMs: electionTimeoutMs(config),
  };
  const leaseWiring: LeaseWiring = {
    config,
    backend,
    clock,
    random,
    ...timeouts,
    context: () => context,
    log,
  };
  const lessor = createLessor(leaseWiring);
  const auth = new AuthStore(backend);
  const tokens = tokensFor(config.authToken, surroundings, () => consensus);
  const usesCertificates = config.clientTls?.namesClients ?? false;
  const identities = new Identities({ auth, tokens, usesCertificates });
  const access = new UserAccess(auth, lessor);
  const quota = new Quota(config.quotaBackendBytes, () => backend.sizeBytes);

  const transport: Transport = surroundings.createTransport(storage, {
    receive: (messages) => consensus.receive(messages),
    unreachable: (id) => consensus.reportUnreachable(id),
    snapshotSent: (id, succeeded) => snapshotSender.sent(id, succeeded),
    receiveSnapshot: async (message, database) => {
      const index = message.snapshot?.metadata.index ?? 0;
      await saveReceivedDatabase(disk, paths.snap, index, database, databases.findReceivedFault);
      consensus.receive([message]);
    },
    removedFromCluster: () => options.removed(),
  });

  const machine = new StateMachine({
    state: { store, lessor, alarms, membership, backend, auth, tokens, access },
    reconfigure: (change) => node.applyConfChange(change),
    onMembershipChange: (change) => {
      log.info("applied a configuration change to the membership", describeChange(change));
      follow(change);
    },
    onRefusedChange: (index, error) => {
      log.warn("refused a configuration change", { index, error: error.message });
    },
    clock,
    slowMs: config.warningApplyMs,
    onSlowEntry: (entry, tookMs) => {
      log.warn("apply request took too long", {
        took: formatDuration(tookMs),
        "expected-duration": formatDuration(config.warningApplyMs),
        index: entry.index,
        bytes: entry.data.length,
      });
    },
  });
  const follow = (change: MembershipChange) => {
    if (change.kind === "removed") {
      if (change.id === localId) options.removed();
      else clock.setTimer(REMOVED_PEER_MS, () => transport.removePeer(change.id));
    } else if (change.kind !== "nothing" && change.member.id !== localId) {
      const { id, peerUrls } = change.member;
      if (change.kind === "added") transport.addPeer(id, peerUrls);
      else if (change.kind === "updated") transport.updatePeer(id, peerUrls);
    }
  };

  const installer: SnapshotInstaller = new SnapshotInstaller({
    backend,
    store,
    lessor,
    alarms,
    auth,
    membership,
    watches: () => context.watches,
    clock,
    log,
    openReceived: (index) => databases.openReceived(index),
    newLessor: (received) => createLessor({ ...leaseWiring, backend: received }),
  });
  const saveMembershipFile = async (index: LogIndex, term: Term) => {
    const state = membershipState(storage);
    await saveSnapFile(disk, paths.snap, { index, term, ...state });
    await purgeSnapFiles(disk, paths.snap, config.maxSnapshotFiles);
  };
  const writer = new LogWriter({
    wal: storage.wal,
    storage: storage.raftLog,
    clock,
    initial: storage.hardState,
    onDurable: (responses) => consensus.durable(responses),
    saveSnapshotFile: async ({ data, metadata }) => {
      // A snapshot of the member's own that is on its way must not get behind this one in the log.
      await compaction.pause();
      await saveSnapFile(disk, paths.snap, { ...metadata, data });
    },
    installSnapshot: async (snapshot) => {
      await consensus.entryEnded();
      await installer.install(snapshot);
      // Its content is in the member's own database now.
      await removeOrphans(disk, paths.snap, snapshot.metadata.index + 1);
      compaction.resume(snapshot.metadata.index);
      connectToMembers(transport, storage);
      consensus.snapshotInstalled(snapshot.metadata);
    },
    onFatal: fail,
  });

  const consensus = new Consensus({
    node,
    localId,
    writer,
    clock,
    ids,
    applying: store.applying,
    events: {
      applyEntry: (entry, proposal) => machine.applyEntry(entry, proposal),
      applyConfChange: (entry) => machine.applyConfChange(entry),
      firstCommitInTerm: (entry, isLeader) => {
        machine.applyEmpty(entry);
        if (!isLeader) return;
        lessor.promote();
        options.leaderCommitted();
      },
      batchApplied: () => compaction.check(),
      roleChanged: (isLeader, leader) => {
        if (!isLeader) lessor.demote();
        log.info("leadership changed", { leader: leader.toString(16), "is-leader": isLeader });
      },
      send: (messages) => transport.send(messages),
      sendSnapshot: (message) => snapshotSender.send(message),
      diskStalled: (stalledMs, transferee) => {
        log.warn("the disk has not finished a write for longer than an election timeout", {
          stalledMs: Math.round(stalledMs),
          ...(transferee === undefined ? {} : { "leadership-goes-to": transferee.toString(16) }),
        });
      },
    },
    ...timeouts,
    members: () => membership.members.map((member) => member.id),
    connectedSince: (id) => transport.activeSince(id),
    appliedIndex: storage.snapshot.index,
    appliedTerm: 0,
    electionTicks: config.electionTicks,
    backlogBytes: () => backend.backlogBytes,
    logBytes: () => storage.raftLog.dataBytes,
    onFatal: fail,
  });
  backend.onCommitEnd(() => consensus.backlogShrank());

  const compaction = new LogCompaction({
    clock,
    log,
    backend,
    consensus,
    writer,
    wal: storage.wal,
    raftLog: storage.raftLog,
    snapshotCount: config.snapshotCount,
    catchupEntries: config.snapshotCatchupEntries,
    maxWalFiles: config.maxWalFiles,
    lastIndex: storage.snapshot.index,
    confState: () => confStateOf(membership),
    saveSnapFile: saveMembershipFile,
    onFatal: fail,
  });
  const snapshotSender = new SnapshotSender({
    backend,
    clock,
    transport,
    compaction,
    log,
    membershipState: () => membershipState(storage),
    lastConfChangeIndex: () => machine.lastConfChangeIndex,
    report: (to: NodeId, succeeded) => consensus.reportSnapshot(to, succeeded),
  });

  const maxReceiveBytes = config.maxRequestBytes + GRPC_OVERHEAD_BYTES;
  const headerEncoder = new HeaderEncoder(clusterId, localId);
  const headers = new ResponseHeaders(headerEncoder, clusterId, localId, consensus);
  const watches = new WatchHub({
    source: store,
    clock,
    random,
    headers: headerEncoder,
    raftTerm: () => consensus.appliedTerm,
    fragmentBytes: maxReceiveBytes,
    progressIntervalMs: config.watchProgressNotifyMs,
  });
  store.setListener(watches);
  const context: ApiContext = {
    config,
    consensus,
    store,
    lessor,
    alarms,
    membership,
    backend,
    quota,
    auth,
    tokens,
    passwords: new Passwords(config.bcryptCost),
    identities,
    access,
    watches,
    ids,
    clock,
    log,
    headers,
    transport,
    peerRequests: surroundings.peerRequests,
    ...timeouts,
    maxReceiveBytes,
  };
  return { node, consensus, writer, store, lessor, compaction, snapshotSender, transport, context };
}

/** Links to exactly the members there are: at a start, and when a snapshot has brought others. */
export function connectToMembers(transport: Transport, storage: MemberStorage): void {
  transport.removeAllPeers();
  for (const { id, peerUrls } of storage.membership.members) {
    if (id !== storage.localId) transport.addPeer(id, peerUrls);
  }
}

/** The members as snapshots name them, for raft and for members and tools of older releases. */
function membershipState({ membership }: MemberStorage) {
  const { members, removedIds, version: clusterVersion } = membership;
  return { confState: confStateOf(membership), data: encodeV2Store({ members, removedIds, clusterVersion }) };
}

function describeChange(change: MembershipChange): Record<string, unknown> {
  if (change.kind === "nothing") return { change: change.kind };
  if (change.kind === "removed") return { change: change.kind, "member-id": change.id.toString(16) };
  const { id, peerUrls, isLearner } = change.member;
  return {
    change: change.kind,
    "member-id": id.toString(16),
    "peer-urls": peerUrls,
    "is-learner": isLearner,
  };
}
