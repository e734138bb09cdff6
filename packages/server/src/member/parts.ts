import type { LogIndex, NodeId, RawNode, Term } from "@quorate/raft";
import type { Transport } from "@quorate/storage/seams/transport";
import { purgeSnapFiles, saveSnapFile } from "@quorate/storage/snap/snap-directory";
import { encodeV2Store } from "@quorate/storage/snap/v2-store";
import { HeaderEncoder } from "@quorate/wire/hot";
import { AlarmStore } from "../alarm/alarm-store.ts";
import { ClientLimiter } from "../api/client-limiter.ts";
import type { ApiContext } from "../api/context.ts";
import { Identities } from "../api/identities.ts";
import { LargeReads } from "../api/large-reads.ts";
import { ScheduledDefragmentation } from "../api/scheduled-defragmentation.ts";
import type { StateMachine } from "../apply/state-machine.ts";
import { AuthStore } from "../auth/auth-store.ts";
import { Passwords } from "../auth/passwords.ts";
import { RequestIds } from "../cluster/request-ids.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { Consensus } from "../consensus/consensus.ts";
import type { LogWriter } from "../consensus/log-writer.ts";
import { createLessor, type LeaseWiring } from "../duties/leases.ts";
import type { Lessor } from "../lease/lessor.ts";
import { MvccStore } from "../mvcc/store.ts";
import { Quota } from "../operations/quota.ts";
import { ResponseHeaders } from "../operations/response-headers.ts";
import { UserAccess } from "../operations/user-access.ts";
import { LogCompaction } from "../snapshot/log-compaction.ts";
import { SnapshotInstaller } from "../snapshot/snapshot-installer.ts";
import { SnapshotSender } from "../snapshot/snapshot-sender.ts";
import { WatchHub } from "../watch/hub.ts";
import { createRaftNode } from "./raft-node.ts";
import { confStateOf, type MemberStorage, storagePaths } from "./storage.ts";
import { tokensFor } from "./token-kind.ts";
import {
  consensusEvents,
  createMachine,
  createTransport,
  createWriter,
  type LateParts,
  type PartsOptions,
} from "./wiring.ts";

const GRPC_OVERHEAD_BYTES = 512 * 1024;
const BASE_REQUEST_TIMEOUT_MS = 5_000;

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
  const { clock, random, log, databases } = surroundings;
  const { backend, membership, localId, clusterId } = storage;
  const ids = RequestIds.ofMember(localId, clock.wallMs());
  const node = createRaftNode(config, storage, random);
  const alarms = new AlarmStore(backend);
  const store = createStore(options);
  const timeouts = timeoutsOf(config);
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
  const quota = new Quota(config.quotaBackendBytes, () => backend.sizeInUseBytes);

  // The parts refer to each other, and only when they run: by then all of them are there.
  const late: LateParts = {
    compaction: () => compaction,
    consensus: () => consensus,
    snapshotSender: () => snapshotSender,
  };
  const transport = createTransport(options, late);
  const machine = createMachine(
    options,
    node,
    { store, lessor, alarms, membership, backend, auth, tokens, access, executed: options.measures.executed },
    transport,
  );
  const installer: SnapshotInstaller = new SnapshotInstaller({
    backend,
    store,
    lessor,
    alarms,
    membership,
    auth,
    tokens,
    watches: () => context.watches,
    clock,
    log,
    openReceived: (index) => databases.openReceived(index),
    newLessor: (received) => createLessor({ ...leaseWiring, backend: received }),
  });
  const writer = createWriter(options, late, installer, transport);
  const consensus: Consensus = new Consensus({
    node,
    localId,
    writer,
    clock,
    ids,
    applying: store.applying,
    events: consensusEvents(options, late, machine, lessor, transport),
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

  const compaction = createCompaction(options, consensus, writer);
  const snapshotSender = createSnapshotSender(options, { compaction, consensus, machine, transport });

  const maxReceiveBytes = config.maxRequestBytes + GRPC_OVERHEAD_BYTES;
  const headerEncoder = new HeaderEncoder(clusterId, localId);
  const headers = new ResponseHeaders(headerEncoder, clusterId, localId, consensus);
  const watches = createWatches(options, { store, consensus, headerEncoder, maxReceiveBytes });
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
    ...largeReadsOf(config),
    ...(config.clientLimits && { limiter: new ClientLimiter(config.clientLimits, clock) }),
    defragmentation: new ScheduledDefragmentation({ backend, clock, log }, storage.lastDefragmentation),
    access: config.administrativeRoles ? new UserAccess(auth, lessor, true) : access,
    accessOfEntries: access,
    auth,
    tokens,
    passwords: new Passwords(
      config.bcryptCost,
      surroundings.cryptography?.loadPasswordHasher,
      surroundings.passwordsAtOnce,
    ),
    identities,
    watches,
    ids,
    clock,
    log,
    headers,
    transport,
    peerRequests: surroundings.peerRequests,
    ...timeouts,
    maxReceiveBytes,
    measures: options.measures,
    logCounts: writer,
  };
  return { node, consensus, writer, store, lessor, compaction, snapshotSender, transport, context };
}

/** None where nothing is limited: then no range goes through them. */
function largeReadsOf({ maxLargeAnswerBytes, maxLargeReads }: ServerConfig) {
  const isLimited = Number.isFinite(maxLargeReads) || Number.isFinite(maxLargeAnswerBytes);
  return isLimited ? { largeReads: new LargeReads(maxLargeReads, maxLargeAnswerBytes) } : {};
}

function timeoutsOf(config: ServerConfig) {
  return { requestTimeoutMs: requestTimeoutMs(config), electionTimeoutMs: electionTimeoutMs(config) };
}

function createStore({ config, storage, surroundings, fail }: PartsOptions): MvccStore {
  const { clock, random, log, entryReadCost } = surroundings;
  const { backend } = storage;
  return new MvccStore({
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
}

function createCompaction(
  { config, measures, storage, surroundings, fail }: PartsOptions,
  consensus: Consensus,
  writer: LogWriter,
): LogCompaction {
  const { clock, disk, log } = surroundings;
  const { backend, membership } = storage;
  const paths = storagePaths(config);
  const saveMembershipFile = async (index: LogIndex, term: Term) => {
    const state = membershipState(storage);
    await saveSnapFile(disk, paths.snap, { index, term, ...state }, measures.snap);
    await purgeSnapFiles(disk, paths.snap, config.maxSnapFiles);
  };
  return new LogCompaction({
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
}

function createSnapshotSender(
  { storage, surroundings }: PartsOptions,
  parts: {
    readonly compaction: LogCompaction;
    readonly consensus: Consensus;
    readonly machine: StateMachine;
    readonly transport: Transport;
  },
): SnapshotSender {
  const { compaction, consensus, machine, transport } = parts;
  const { clock, log } = surroundings;
  const { backend } = storage;
  return new SnapshotSender({
    backend,
    clock,
    transport,
    compaction,
    log,
    membershipState: () => membershipState(storage),
    lastConfChangeIndex: () => machine.lastConfChangeIndex,
    report: (to: NodeId, succeeded) => consensus.reportSnapshot(to, succeeded),
  });
}

function createWatches(
  { config, surroundings }: PartsOptions,
  parts: {
    readonly store: MvccStore;
    readonly consensus: Consensus;
    readonly headerEncoder: HeaderEncoder;
    readonly maxReceiveBytes: number;
  },
): WatchHub {
  const { store, consensus, headerEncoder, maxReceiveBytes } = parts;
  const { clock, random } = surroundings;
  return new WatchHub({
    source: store,
    clock,
    random,
    headers: headerEncoder,
    raftTerm: () => consensus.appliedTerm,
    fragmentBytes: maxReceiveBytes,
    progressIntervalMs: config.watchProgressNotifyMs,
  });
}

/** The members as snapshots name them, for raft and for members and tools of older releases. */
function membershipState({ membership }: MemberStorage) {
  const { members, removedIds, version: clusterVersion } = membership;
  return { confState: confStateOf(membership), data: encodeV2Store({ members, removedIds, clusterVersion }) };
}
