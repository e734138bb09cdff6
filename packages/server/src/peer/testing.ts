import type http from "node:http";
import type { TestContext } from "node:test";
import { type Entry, type Message, type MessageType, type NodeId, newMessage } from "@quorate/raft";
import type { Random } from "@quorate/storage/seams/random";
import { realClock } from "@quorate/storage/seams/real-clock";
import { realRandom } from "@quorate/storage/seams/real-random";
import type { TransportEvents } from "@quorate/storage/seams/transport";
import { ManualClock } from "@quorate/testkit/clock";
import { silentLogger } from "../log/logger.ts";
import { openPeerListeners, type PeerListeners } from "../peer-port/listener.ts";
import { PeerServer } from "../peer-port/server.ts";
import type { Certificates } from "../tls/certificates.ts";
import type { NameResolver } from "../tls/client-address.ts";
import { systemCertificates } from "../tls/testing.ts";
import { PeerDialer } from "./dialer.ts";
import { createPeerRequests, type PeerRequests } from "./peer-requests.ts";
import { PeerTransport, type PeerTransportOptions } from "./peer-transport.ts";

export const CLUSTER_ID = 0xc63a13ba3ce23b4fn;

/** A clock whose time moves only when a test says so, in 2026. */
export function manualClock(): ManualClock {
  return ManualClock.withRealTurns(Date.parse("2026-01-01T00:00:00Z"));
}

/** Waits are as long as they can be. */
export const noRandom: Random = { below: () => 0 };

/** What a member was told by its links. */
export class RecordedEvents implements TransportEvents {
  readonly batches: (readonly Message[])[] = [];
  readonly unreachableIds: NodeId[] = [];
  readonly snapshotsSent: { readonly id: NodeId; readonly succeeded: boolean }[] = [];
  removed = 0;
  onReceive: (messages: readonly Message[]) => void = () => {};
  onSnapshot: (message: Message, database: AsyncIterable<Uint8Array>) => Promise<void> = async () => {};

  get messages(): Message[] {
    return this.batches.flat();
  }
  receive(messages: readonly Message[]): void {
    this.onReceive(messages);
    this.batches.push(messages);
  }
  unreachable(id: NodeId): void {
    this.unreachableIds.push(id);
  }
  snapshotSent(id: NodeId, succeeded: boolean): void {
    this.snapshotsSent.push({ id, succeeded });
  }
  receiveSnapshot(message: Message, database: AsyncIterable<Uint8Array>): Promise<void> {
    return this.onSnapshot(message, database);
  }
  removedFromCluster(): void {
    this.removed++;
  }
}

export interface TestMember {
  readonly id: NodeId;
  readonly url: string;
  readonly events: RecordedEvents;
  readonly transport: PeerTransport;
  readonly server: PeerServer;
  readonly listeners: PeerListeners;
  readonly removedIds: Set<NodeId>;
  stop(): Promise<void>;
}

export interface TestMemberOptions extends Partial<PeerTransportOptions> {
  readonly listenUrl?: string;
  readonly certificates?: Certificates;
  readonly resolver?: NameResolver;
  readonly plain?: (request: http.IncomingMessage, response: http.ServerResponse) => void;
}

/** A transport with its listener on a free port, and nothing behind it. */
export async function startMember(
  t: Pick<TestContext, "after">,
  id: NodeId,
  options: TestMemberOptions = {},
): Promise<TestMember> {
  const { certificates, listenUrl = "http://127.0.0.1:0", plain, resolver, ...others } = options;
  const events = new RecordedEvents();
  const removedIds = new Set<NodeId>();
  const urls: string[] = [];
  const transport = new PeerTransport({
    localId: id,
    clusterId: CLUSTER_ID,
    advertisedUrls: () => urls,
    isRemoved: (other) => removedIds.has(other),
    events,
    dialer: new PeerDialer(() => certificates ?? systemCertificates()),
    clock: realClock,
    random: realRandom,
    log: silentLogger,
    dialTimeoutMs: 2_000,
    readTimeoutMs: 5_000,
    writeTimeoutMs: 5_000,
    ...others,
  });
  const server = new PeerServer(
    transport,
    plain ??
      ((_, response) => {
        response.writeHead(404);
        response.end();
      }),
  );
  const listeners = await openPeerListeners({
    listenUrls: [listenUrl],
    secure: certificates !== undefined,
    early: "close",
    clock: realClock,
  });
  listeners.serve(server, certificates, silentLogger, resolver);
  urls.push(...listeners.urls);
  const stop = async () => {
    await transport.close();
    await listeners.close();
  };
  t.after(stop);
  return { id, url: listeners.urls[0]!, events, transport, server, listeners, removedIds, stop };
}

export function testRequests(dialer = new PeerDialer(systemCertificates)): PeerRequests {
  return createPeerRequests({ dialer, clock: realClock, random: realRandom });
}

export function message(type: MessageType, to: NodeId, fields: Partial<Message> = {}): Message {
  return Object.assign(newMessage(type, to), fields);
}

export function entry(index: number, data: string, term = 1): Entry {
  return { type: 0, term, index, data: Buffer.from(data) };
}
