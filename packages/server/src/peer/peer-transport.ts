import type net from "node:net";
import { type Message, MessageType, type NodeId } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import type { SnapshotDatabase, Transport, TransportEvents } from "@quorate/storage/seams/transport";
import { type SliceLimits, Slices } from "@quorate/storage/slices";
import { memberUrlProblem } from "../cluster/member-url.ts";
import type { Logger } from "../log/logger.ts";
import { DialSchedule } from "./dial-schedule.ts";
import { PeerAgent, type PeerDialer } from "./dialer.ts";
import type { PeerIdentity } from "./identity.ts";
import { PeerMetrics } from "./metrics.ts";
import { type LinkContext, PeerLink } from "./peer-link.ts";
import { PeerStatus } from "./peer-status.ts";
import { Pipeline } from "./pipeline.ts";
import { ChunkBuffer } from "./stream/chunk-buffer.ts";
import { roomFor } from "./stream/message-frames.ts";
import type { StreamKind, StreamWriter } from "./stream/stream-writer.ts";
import { UrlPicker } from "./url-picker.ts";

/** Strangers that name an address can become remotes, so their number has a bound. */
const MAX_REMOTES = 256;
const MAX_IDLE_CONNECTIONS = 16;
/** Bytes that are encoded and written to all peers in one turn, a message more on top: a few milliseconds. */
const LIMITS: SliceLimits = { turn: 2 ** 22, small: 2 ** 22 };

export interface PeerTransportOptions extends PeerIdentity {
  /** Members that have been removed for good: nothing is sent to them or taken from them. */
  readonly isRemoved: (id: NodeId) => boolean;
  readonly events: TransportEvents;
  readonly dialer: PeerDialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly dialTimeoutMs: number;
  /** A stream on which nothing arrives for so long is dropped; peers send something every 1.7 s. */
  readonly readTimeoutMs: number;
  /** A stream that takes nothing for so long is dropped. */
  readonly writeTimeoutMs: number;
}

/** `Transport` over etcd's peer protocol (HTTP/1.1). The other half is `PeerServer`. */
export class PeerTransport implements Transport {
  readonly options: PeerTransportOptions;
  readonly metrics = new PeerMetrics();
  readonly #context: LinkContext;
  readonly #peers = new Map<NodeId, PeerLink>();
  readonly #remotes = new Map<NodeId, Pipeline>();
  readonly #buffer = new ChunkBuffer();
  /** Of the `send` that is under way: streams with something to send, and peers that lost something. */
  readonly #writers: StreamWriter[] = [];
  readonly #lost = new Set<NodeId>();
  /** For encoding entries. */
  readonly #slices: Slices;
  /** For decoding what other members send, on all links together. */
  readonly receiving: Slices;
  #isTurnOver = false;
  #putOff: Message[] = [];
  #closed = false;

  constructor(options: PeerTransportOptions) {
    this.options = options;
    const { clock, dialer, dialTimeoutMs } = options;
    this.#slices = new Slices(clock, LIMITS);
    this.receiving = new Slices(clock);
    this.#context = {
      ...options,
      receiving: this.receiving,
      identity: options,
      pipelineAgent: new PeerAgent(dialer, { dialTimeoutMs, maxIdleConnections: MAX_IDLE_CONNECTIONS }),
      streamAgent: new PeerAgent(dialer, { dialTimeoutMs, maxIdleConnections: 0 }),
    };
  }

  send(messages: readonly Message[]): void {
    if (this.#closed) return;
    for (let i = 0; i < messages.length; i++) this.#routeInTurn(messages[i]!);
    if (this.#writers.length > 0) this.#transmit();
    if (this.#lost.size > 0) this.#reportLost();
  }

  sendSnapshot(message: Message, database: SnapshotDatabase): void {
    const link = this.#peers.get(message.to);
    if (this.#closed || link === undefined) {
      database.release();
      if (!this.#closed) this.options.events.snapshotSent(message.to, false);
      return;
    }
    link.sendSnapshot(message, database);
  }

  addPeer(id: NodeId, urls: readonly string[]): void {
    if (this.#closed || id === this.options.localId || this.#peers.has(id)) return;
    const { events } = this.options;
    const whenOpen = (report: () => void) => () => {
      if (!this.#closed) report();
    };
    this.#peers.set(
      id,
      new PeerLink(id, urls, this.#context, this.metrics.of(id), {
        receive: (messages) => events.receive(messages),
        onLost: whenOpen(() => events.unreachable(id)),
        onRemoved: whenOpen(() => events.removedFromCluster()),
        onSnapshotSent: (succeeded) => {
          if (!this.#closed) events.snapshotSent(id, succeeded);
        },
      }),
    );
  }

  updatePeer(id: NodeId, urls: readonly string[]): void {
    this.#peers.get(id)?.updateUrls(urls);
  }

  removePeer(id: NodeId): void {
    this.#peers.get(id)?.close();
    this.#peers.delete(id);
  }

  removeAllPeers(): void {
    for (const id of [...this.#peers.keys()]) this.removePeer(id);
  }

  /** URLs that are none are the caller's to refuse: see `areValidUrls`. */
  addRemote(id: NodeId, urls: readonly string[]): void {
    if (this.#closed || id === this.options.localId || this.#peers.has(id) || this.#remotes.has(id)) return;
    if (this.#remotes.size >= MAX_REMOTES) return;
    const { clock, events, log, random } = this.options;
    const counts = this.metrics.of(id);
    this.#remotes.set(
      id,
      new Pipeline({
        peerId: id,
        identity: this.options,
        agent: this.#context.pipelineAgent,
        picker: new UrlPicker(urls),
        schedule: new DialSchedule(clock, random),
        clock,
        status: new PeerStatus(id, clock, log, counts),
        counts,
        onLost: () => {
          if (!this.#closed) events.unreachable(id);
        },
        onRemoved: () => {
          if (!this.#closed) events.removedFromCluster();
        },
      }),
    );
  }

  activeSince(id: NodeId): number | undefined {
    return this.#peers.get(id)?.status.activeSinceMs;
  }

  /** Of the two streams on which messages go to a peer, how many there are now. */
  attachedStreams(id: NodeId): number {
    const writers = this.#peers.get(id)?.writers;
    return Number(writers?.message.isAttached ?? false) + Number(writers?.msgapp.isAttached ?? false);
  }

  get remoteCount(): number {
    return this.#remotes.size;
  }

  hasPeer(id: NodeId): boolean {
    return this.#peers.has(id);
  }

  /** Sends to `id` over `socket` from now on: the response to its request for a stream, its headers sent. */
  attachStream(id: NodeId, kind: StreamKind, socket: net.Socket): void {
    const link = this.#peers.get(id);
    if (link === undefined) socket.destroy();
    else {
      link.writers[kind].attach(socket);
      link.heard();
    }
  }

  /** Member `id` has reached this one. */
  heardFrom(id: NodeId): void {
    (this.#peers.get(id) ?? this.#remotes.get(id))?.heard();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.removeAllPeers();
    for (const remote of this.#remotes.values()) remote.close();
    this.#remotes.clear();
    this.#context.pipelineAgent.destroy();
    this.#context.streamAgent.destroy();
    return Promise.resolve();
  }

  /** Entries that are too much for this turn go in the next ones, in order; whatever else there is goes now. */
  #routeInTurn(message: Message): void {
    if (message.type !== MessageType.MsgApp) {
      this.#route(message);
      return;
    }
    if (this.#isTurnOver) {
      this.#putOff.push(message);
      return;
    }
    this.#route(message);
    if (!this.#slices.spendInTurn(roomFor(message))) return;
    this.#isTurnOver = true;
    void this.#slices.next().then(() => {
      this.#isTurnOver = false;
      this.send(this.#putOff.splice(0));
    });
  }

  #route(message: Message): void {
    const { to, type } = message;
    const link = this.#peers.get(to);
    if (link === undefined) {
      this.#sendToRemote(message);
      return;
    }
    const { msgapp, message: general } = link.writers;
    const writer =
      type === MessageType.MsgApp && msgapp.isAttached ? msgapp : general.isAttached ? general : undefined;
    if (writer === undefined) {
      if (!link.pipeline.send(message)) this.#drop(to);
      return;
    }
    if (writer.isFull) {
      this.#drop(to);
      return;
    }
    if (writer.isEmpty) this.#writers.push(writer);
    writer.queue(message);
  }

  #sendToRemote(message: Message): void {
    const remote = this.#remotes.get(message.to);
    if (remote === undefined || this.options.isRemoved(message.to)) return;
    if (!remote.send(message)) this.metrics.of(message.to).sentFailures++;
  }

  #drop(id: NodeId): void {
    this.metrics.of(id).sentFailures++;
    this.#lost.add(id);
  }

  /** One write for each stream. All is encoded before the first write, into memory that is used again afterwards. */
  #transmit(): void {
    const buffer = this.#buffer;
    const writers = this.#writers;
    let room = 0;
    for (let i = 0; i < writers.length; i++) room += writers[i]!.room;
    buffer.begin(room, writers.length);
    for (let i = 0; i < writers.length; i++) writers[i]!.encode(buffer);
    let isStillRead = false;
    for (let i = 0; i < writers.length; i++) {
      if (writers[i]!.transmit()) isStillRead = true;
    }
    buffer.finish(isStillRead);
    writers.length = 0;
  }

  /** When nothing is under way any more: raft may want to send at once. */
  #reportLost(): void {
    const lost = [...this.#lost];
    this.#lost.clear();
    for (const id of lost) this.options.events.unreachable(id);
  }
}

/** Whether another member's word on its own addresses can be used. */
export function areValidUrls(urls: readonly string[]): boolean {
  return urls.length > 0 && urls.every((url) => memberUrlProblem(url) === undefined);
}
