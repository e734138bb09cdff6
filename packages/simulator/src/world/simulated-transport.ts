import { type Message, MessageType, NO_DATA, type NodeId } from "@quorate/raft";
import type { SnapshotDatabase, Transport, TransportEvents } from "@quorate/storage/seams/transport";
import type { SeededRandom } from "@quorate/testkit/random";
import { decodeMessage, encodeMessage } from "@quorate/wire/hot";
import type { Endpoint, MessageReceiver, Space } from "./endpoint.ts";
import type { MomentListener } from "./moments.ts";
import type { MessageRecorder } from "./recording.ts";
import type { Trace } from "./trace.ts";

/** What a transport has to know of the world. */
export interface TransportWorld extends Space, MomentListener {
  readonly trace: Trace;
  /** Of transfers of a database, as are the chances that they break off. */
  readonly snapshotRandom: SeededRandom;
  readonly snapshotBreakChance: number;
  readonly recorder: MessageRecorder | undefined;
  /** Calls `receive` unless a plant decides otherwise. */
  plantInArrival(
    to: Endpoint,
    message: Message,
    answer: (message: Message) => void,
    receive: () => void,
  ): void;
  /** Whether the network may deliver `message` twice although links deliver such ones once. */
  plantedToRepeat(message: Message): boolean;
}

interface Peer {
  address: string;
  activeSinceMs: number | undefined;
  /** World milliseconds since when it has not been heard of. */
  silentSinceMs: number | undefined;
}

/** After so long without a byte a connection is given up, as the real links do. */
const READ_TIMEOUT_MS = 5_000;
const SNAPSHOT_STALL_MS = 5_000;

/** Links between simulated members. Messages travel as bytes, so that no member sees another one's objects. */
export class SimulatedTransport implements Transport, MessageReceiver {
  readonly #world: TransportWorld;
  readonly #local: Endpoint;
  readonly #localId: NodeId;
  readonly #events: TransportEvents;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #remotes = new Map<NodeId, Peer>();
  #closed = false;

  constructor(world: TransportWorld, local: Endpoint, localId: NodeId, events: TransportEvents) {
    this.#world = world;
    this.#local = local;
    this.#localId = localId;
    this.#events = events;
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const peer = this.#peers.get(message.to) ?? this.#remotes.get(message.to);
      if (peer === undefined || this.#closed) continue;
      this.#local.sending(message);
      this.#sendOne(message, peer);
    }
  }

  sendSnapshot(message: Message, database: SnapshotDatabase): void {
    const peer = this.#peers.get(message.to);
    const { network, time, trace } = this.#world;
    let settled = false;
    const settle = (succeeded: boolean) => {
      if (settled) return;
      settled = true;
      trace.note(time.nowMs, `${this.#local.address} sent a snapshot to ${peer?.address}: ${succeeded}`);
      database.release();
      this.#later(() => this.#events.snapshotSent(message.to, succeeded));
    };
    const target = peer === undefined ? undefined : this.#world.endpoint(peer.address);
    const receiver = target?.transport;
    if (peer === undefined || target === undefined || receiver === undefined || !this.#isConnected(peer)) {
      settle(false);
      return;
    }
    this.#world.moment(target.address, "snapshot-arrives");
    const bytes = encodeMessage(message);
    const recorded = this.#world.recorder?.sent(this.#local.address, peer.address, message);
    const forget = target.life.onEnd(() => settle(false));
    time.after(network.delayMs(bytes.length), () => {
      target.life.enter(() => {
        receiver.receiveSnapshot(bytes, this.#databaseOnTheWay(database, target)).then(
          () => {
            forget();
            if (recorded !== undefined) recorded.receivedMs = time.nowMs;
            time.after(network.delayMs(), () => settle(network.carries(target.address, this.#local.address)));
          },
          (error: Error) => {
            forget();
            trace.note(time.nowMs, `${target.address} did not save a snapshot: ${error.message}`);
            time.after(network.delayMs(), () => settle(false));
          },
        );
      });
    });
  }

  addPeer(id: NodeId, urls: readonly string[]): void {
    this.#peers.set(id, { address: urls[0]!, activeSinceMs: undefined, silentSinceMs: undefined });
  }

  updatePeer(id: NodeId, urls: readonly string[]): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.address = urls[0]!;
  }

  removePeer(id: NodeId): void {
    this.#peers.delete(id);
  }

  removeAllPeers(): void {
    this.#peers.clear();
  }

  addRemote(id: NodeId, urls: readonly string[]): void {
    if (id === this.#localId) return;
    this.#remotes.set(id, { address: urls[0]!, activeSinceMs: undefined, silentSinceMs: undefined });
  }

  activeSince(id: NodeId): number | undefined {
    return this.#peers.get(id)?.activeSinceMs;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** Looks which links work; called regularly by the world. */
  probe(): void {
    if (this.#local.life.isPaused) return;
    const nowMs = this.#world.time.nowMs;
    for (const peer of this.#peers.values()) {
      if (this.#isConnected(peer)) {
        // Links that stand are kept for a while; a new one is refused.
        if (
          peer.activeSinceMs === undefined &&
          this.#world.endpoint(peer.address)!.isRemoved(this.#localId)
        ) {
          this.#later(() => this.#events.removedFromCluster());
          continue;
        }
        peer.activeSinceMs ??= this.#local.life.clock.nowMs();
        peer.silentSinceMs = undefined;
        continue;
      }
      peer.silentSinceMs ??= nowMs;
      // A process that is gone resets its connections; a cut only makes them silent.
      const isReset = this.#world.endpoint(peer.address) === undefined;
      if (isReset || nowMs - peer.silentSinceMs >= READ_TIMEOUT_MS) peer.activeSinceMs = undefined;
    }
  }

  #isConnected(peer: Peer): boolean {
    const target = this.#world.endpoint(peer.address);
    return (
      target?.transport !== undefined &&
      !target.life.isPaused &&
      this.#world.network.carriesBothWays(this.#local.address, peer.address)
    );
  }

  #sendOne(message: Message, peer: Peer): void {
    const { network, time, trace } = this.#world;
    if (this.#peers.get(message.to) === peer && peer.activeSinceMs === undefined) {
      this.#later(() => this.#events.unreachable(message.to));
    }
    const bytes = encodeMessage(message);
    trace.bytes(bytes);
    const recorded = this.#world.recorder?.sent(this.#local.address, peer.address, message);
    // Only what the protocol may meet twice: a link never repeats a proposal.
    const mayRepeat = message.type !== MessageType.MsgProp || this.#world.plantedToRepeat(message);
    network.send(this.#local.address, peer.address, mayRepeat, () => {
      const target = this.#world.endpoint(peer.address);
      target?.life.enter(() => {
        if (recorded !== undefined) recorded.receivedMs ??= time.nowMs;
        trace.mark(time.nowMs, `${this.#local.address}>${peer.address} ${message.type}`);
        if (target.isRemoved(this.#localId)) {
          this.#later(() => this.#events.removedFromCluster());
        } else if (target.localId === message.to) {
          target.transport?.receive(bytes, this.#localId, this.#local.address);
        }
      });
    });
  }

  receive(bytes: Uint8Array, from: NodeId, address: string): void {
    // Whoever connects says where it can be reached, for members that do not know it (yet).
    if (!this.#peers.has(from) && !this.#remotes.has(from)) this.addRemote(from, [address]);
    const message = decodeMessage(bytes, 0, bytes.length, NO_DATA) as Message;
    if (message.type === MessageType.MsgTimeoutNow) this.#world.moment(this.#local.address, "transfer");
    const answer = (response: Message) => this.send([response]);
    this.#world.plantInArrival(this.#local, message, answer, () => this.#events.receive([message]));
  }

  receiveSnapshot(bytes: Uint8Array, database: AsyncIterable<Uint8Array>): Promise<void> {
    const message = decodeMessage(bytes, 0, bytes.length, NO_DATA) as Message;
    return this.#events.receiveSnapshot(message, database);
  }

  async *#databaseOnTheWay(database: SnapshotDatabase, target: Endpoint): AsyncIterable<Uint8Array> {
    const { network, snapshotBreakChance, snapshotRandom: random } = this.#world;
    const breaksOff = random.chance(snapshotBreakChance);
    for await (const chunk of database.read()) {
      await this.#onTarget(target, network.delayMs(chunk.length));
      if (!network.carriesBothWays(this.#local.address, target.address)) {
        await this.#onTarget(target, SNAPSHOT_STALL_MS);
        throw new Error("the link is silent");
      }
      if (!this.#local.life.isAlive || (breaksOff && random.chance(0.5)))
        throw new Error("the stream broke off");
      yield chunk.slice();
    }
    if (breaksOff) throw new Error("the stream broke off");
  }

  #onTarget(target: Endpoint, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.time.after(delayMs, () => target.life.enter(resolve));
    });
  }

  #later(run: () => void): void {
    this.#world.time.after(this.#world.network.delayMs(), () => {
      this.#local.life.enter(() => {
        if (!this.#closed) run();
      });
    });
  }
}
