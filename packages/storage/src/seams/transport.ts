import type { Message, NodeId } from "@quorate/raft";

/** The database that goes with a snapshot message: the bytes of a bbolt file. */
export interface SnapshotDatabase {
  /** Exactly how many bytes `read` gives. */
  readonly sizeBytes: number;
  /** Once, from the beginning. */
  read(): AsyncIterable<Uint8Array>;
  /** Called exactly once, when nobody reads any more. */
  release(): void;
}

/**
 * Links to the other members. Nothing here waits: what cannot be sent is dropped and reported, and raft sends it again.
 *
 * A peer is a member of the configuration. A remote is somebody whose address is known only from a request of theirs, or
 * from the list that a joining member fetched: it can be answered, so that who lags behind in membership can catch up.
 */
export interface Transport {
  /**
   * Sends to whom each message names. Messages to nobody that is known are dropped. Never given `MsgSnap`.
   * Borrows the array until it returns, and the messages for good: nobody changes them.
   */
  send(messages: readonly Message[]): void;
  /** Sends a `MsgSnap` together with its database; the outcome comes as `TransportEvents.snapshotSent`. */
  sendSnapshot(message: Message, database: SnapshotDatabase): void;

  addPeer(id: NodeId, urls: readonly string[]): void;
  /** New addresses of a peer, used from the next connection on. */
  updatePeer(id: NodeId, urls: readonly string[]): void;
  removePeer(id: NodeId): void;
  removeAllPeers(): void;
  addRemote(id: NodeId, urls: readonly string[]): void;

  /** Monotonic milliseconds since when the peer has been reachable without a break; undefined when it is not. */
  activeSince(id: NodeId): number | undefined;
  /** Ends every link. Nothing is sent or reported afterwards. */
  close(): Promise<void>;
}

/** What the links tell the member. */
export interface TransportEvents {
  /** Raft messages from other members, in the order of their link: one call for all that came at once. */
  receive(messages: readonly Message[]): void;
  /** A message to `id` was lost, or it cannot be reached. */
  unreachable(id: NodeId): void;
  snapshotSent(id: NodeId, succeeded: boolean): void;
  /**
   * A `MsgSnap` arrives with its database. Resolves when the database is durable and the message handed to raft; rejects
   * with the error to answer, having left nothing behind, when the stream breaks off or the disk fails.
   */
  receiveSnapshot(message: Message, database: AsyncIterable<Uint8Array>): Promise<void>;
  /** Another member says that this one has been removed from the cluster for good. */
  removedFromCluster(): void;
}
