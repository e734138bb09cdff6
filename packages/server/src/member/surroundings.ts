import type { ApiContext } from "../api/context.ts";
import type { Services } from "../api/services.ts";
import type { ResolveHost } from "../cluster/peer-urls.ts";
import type { Logger } from "../log/logger.ts";
import type { PeerRequests } from "../peer/peer-requests.ts";
import type { Backend } from "../seams/backend.ts";
import type { Clock } from "../seams/clock.ts";
import type { Disk } from "../seams/disk.ts";
import type { Random } from "../seams/random.ts";
import type { Transport, TransportEvents } from "../seams/transport.ts";
import type { FindDatabaseFault } from "../snapshot/received-database.ts";
import type { MemberParts } from "./parts.ts";
import type { MemberStorage } from "./storage.ts";

/** What a member has outside itself: real disks, sockets and clocks, or simulated ones. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: Logger;
  readonly databases: Databases;
  /** Single questions to other members. */
  readonly peerRequests: PeerRequests;
  /** A resolver with a budget of its own; the system's by default. */
  readonly createResolver?: () => ResolveHost;
  /** For the simulation, whose logs are short. */
  readonly walSegmentBytes?: number;

  /** The links to other members; they are named later, one by one. */
  createTransport(storage: MemberStorage, events: TransportEvents): Transport;
  /** For the simulation, which looks at the parts, and plants mistakes in them, before anything runs. */
  assembled?(storage: MemberStorage, parts: MemberParts): void;
  /** Other members reach this one from now on. */
  answerPeers(context: ApiContext): void;
  /** Ends all links, in both directions; also those that `answerPeers` would have answered. Idempotent. */
  closePeers(): Promise<void>;
  /** Clients are served from now on. */
  serveClients(context: ApiContext, services: Services): void;
  /** Takes no more calls, and lets those in progress finish for a while. Idempotent. */
  stopServing(): Promise<void>;

  /** The member can no longer keep its promises, and does nothing any more. Called once. */
  failed(error: Error): void;
  /** The cluster has removed this member for good, and had time to learn that it has agreed. Called once. */
  removed(): void;
}

/** Where the databases of a member are. */
export interface Databases {
  /** The member's own, made if there is none. */
  open(path: string): Promise<Backend>;
  /** Makes what was received with the snapshot at `index`, in the member's own format, the file at `path`. */
  importReceived(index: number, path: string): Promise<void>;
  /** Opens what was received with the snapshot at `index`, beside the member's own. */
  openReceived(index: number): Promise<Backend>;
  readonly findReceivedFault: FindDatabaseFault;
}
