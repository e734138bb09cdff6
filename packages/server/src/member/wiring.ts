import type { RawNode } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Disk } from "@quorate/storage/seams/disk";
import type { Random } from "@quorate/storage/seams/random";
import type { Transport, TransportEvents } from "@quorate/storage/seams/transport";
import { saveSnapFile } from "@quorate/storage/snap/snap-directory";
import type { Measures } from "../api/measures.ts";
import { StateMachine } from "../apply/state-machine.ts";
import type { Cryptography } from "../auth/cryptography.ts";
import type { TokenKeys } from "../auth/json-web-tokens.ts";
import type { MembershipChange } from "../cluster/membership.ts";
import { formatDuration } from "../config/duration.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Consensus } from "../consensus/consensus.ts";
import { LogWriter } from "../consensus/log-writer.ts";
import type { ConsensusEvents } from "../consensus/surroundings.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Logger } from "../log/logger.ts";
import type { ReplicatedState } from "../operations/state.ts";
import type { PeerRequests } from "../peer/peer-requests.ts";
import type { LogCompaction } from "../snapshot/log-compaction.ts";
import { removeOrphans, saveReceivedDatabase } from "../snapshot/received-database.ts";
import type { SnapshotInstaller } from "../snapshot/snapshot-installer.ts";
import type { SnapshotSender } from "../snapshot/snapshot-sender.ts";
import { type Databases, type MemberStorage, storagePaths } from "./storage.ts";

/**
 * So long the links to a removed member stay: if it led it still has to answer who asked for the removal, and it stops as
 * soon as somebody refuses it.
 */
const REMOVED_PEER_MS = 1_000;

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
  readonly tokenKeys?: (() => TokenKeys) | undefined;
  /** For the simulation, in which nothing takes real time. */
  readonly cryptography?: Cryptography;
  /** So many passwords are worked on at the same time; default as many as may be. */
  readonly passwordsAtOnce?: number;
  /** The links to other members; they are named later, one by one. */
  createTransport(storage: MemberStorage, events: TransportEvents): Transport;
}

export interface PartsOptions {
  readonly config: ServerConfig;
  readonly storage: MemberStorage;
  readonly surroundings: PartsSurroundings;
  readonly measures: Measures;
  readonly fail: (error: Error) => void;
  /** This member does not belong to the cluster any more, for good. */
  readonly removed: () => void;
  /** This member leads, and the first entry of its term is applied. */
  readonly leaderCommitted: () => void;
}

/** Parts that others refer to before they are built. */
export interface LateParts {
  compaction(): LogCompaction;
  consensus(): Consensus;
  snapshotSender(): SnapshotSender;
}

export function createTransport(options: PartsOptions, late: LateParts): Transport {
  const { config, measures, storage, surroundings } = options;
  const { disk, databases } = surroundings;
  const paths = storagePaths(config);
  return surroundings.createTransport(storage, {
    receive: (messages) => late.consensus().receive(messages),
    unreachable: (id) => late.consensus().reportUnreachable(id),
    snapshotSent: (id, succeeded) => late.snapshotSender().sent(id, succeeded),
    receiveSnapshot: async (message, database) => {
      const index = message.snapshot?.metadata.index ?? 0;
      const { findReceivedFault } = databases;
      await saveReceivedDatabase(disk, paths.snap, index, database, findReceivedFault, measures.snap);
      late.consensus().receive([message]);
    },
    removedFromCluster: () => options.removed(),
  });
}

export function createMachine(
  options: PartsOptions,
  node: RawNode,
  state: ReplicatedState,
  transport: Transport,
): StateMachine {
  const { config, surroundings } = options;
  const { clock, log } = surroundings;
  return new StateMachine({
    state,
    reconfigure: (change) => node.applyConfChange(change),
    onMembershipChange: (change) => {
      log.info("applied a configuration change to the membership", describeChange(change));
      follow(options, change, transport);
    },
    onRefusedChange: (index, error) => {
      log.warn("refused a configuration change", { index, error: error.message });
    },
    clock,
    times: options.measures.operations,
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
}

/** Links follow the members. */
function follow(
  { removed, storage, surroundings }: PartsOptions,
  change: MembershipChange,
  transport: Transport,
): void {
  const { localId } = storage;
  if (change.kind === "removed") {
    if (change.id === localId) removed();
    else surroundings.clock.setTimer(REMOVED_PEER_MS, () => transport.removePeer(change.id));
  } else if (change.kind !== "nothing" && change.member.id !== localId) {
    const { id, peerUrls } = change.member;
    if (change.kind === "added") transport.addPeer(id, peerUrls);
    else if (change.kind === "updated") transport.updatePeer(id, peerUrls);
  }
}

export function createWriter(
  { config, measures, storage, surroundings, fail }: PartsOptions,
  late: LateParts,
  installer: SnapshotInstaller,
  transport: Transport,
): LogWriter {
  const { clock, disk } = surroundings;
  const paths = storagePaths(config);
  return new LogWriter({
    wal: storage.wal,
    storage: storage.raftLog,
    clock,
    initial: storage.hardState,
    onDurable: (responses) => late.consensus().durable(responses),
    saveSnapshotFile: async ({ data, metadata }) => {
      // A snapshot of the member's own that is on its way must not get behind this one in the log.
      await late.compaction().pause();
      await saveSnapFile(disk, paths.snap, { ...metadata, data }, measures.snap);
    },
    installSnapshot: async (snapshot) => {
      await late.consensus().entryEnded();
      measures.installing++;
      try {
        await installer.install(snapshot);
      } finally {
        measures.installing--;
      }
      // Its content is in the member's own database now.
      await removeOrphans(disk, paths.snap, snapshot.metadata.index + 1);
      late.compaction().resume(snapshot.metadata.index);
      connectToMembers(transport, storage);
      late.consensus().snapshotInstalled(snapshot.metadata);
    },
    onFatal: fail,
  });
}

export function consensusEvents(
  options: PartsOptions,
  late: LateParts,
  machine: StateMachine,
  lessor: Lessor,
  transport: Transport,
): ConsensusEvents {
  const { clock, log } = options.surroundings;
  const { kinds } = options.measures.operations;
  return {
    applyEntry: (entry, proposal) => machine.applyEntry(entry, proposal),
    applyConfChange: (entry) => machine.applyConfChange(entry),
    firstCommitInTerm: (entry, isLeader) => {
      machine.applyEmpty(entry);
      if (!isLeader) return;
      lessor.promote();
      options.leaderCommitted();
    },
    batchApplied: () => {
      machine.batchApplied();
      late.compaction().check();
    },
    roleChanged: (isLeader, leader) => {
      if (!isLeader) lessor.demote();
      log.info("leadership changed", { leader: leader.toString(16), "is-leader": isLeader });
    },
    proposalFailed: ({ field, startedMs }) =>
      kinds.get(field)?.requests.observe((clock.nowMs() - startedMs) / 1_000, false),
    send: (messages) => transport.send(messages),
    sendSnapshot: (message) => late.snapshotSender().send(message),
    diskStalled: (stalledMs, transferee) => {
      log.warn("the disk has not finished a write for longer than an election timeout", {
        stalledMs: Math.round(stalledMs),
        ...(transferee === undefined ? {} : { "leadership-goes-to": transferee.toString(16) }),
      });
    },
  };
}

/** Links to exactly the members there are: at a start, and when a snapshot has brought others. */
export function connectToMembers(transport: Transport, storage: MemberStorage): void {
  transport.removeAllPeers();
  for (const { id, peerUrls } of storage.membership.members) {
    if (id !== storage.localId) transport.addPeer(id, peerUrls);
  }
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
