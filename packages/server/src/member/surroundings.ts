import type { ApiContext } from "../api/context.ts";
import type { CallObserver } from "../api/observed-calls.ts";
import type { Services } from "../api/services.ts";
import type { ResolveHost } from "../cluster/peer-urls.ts";
import type { Discovery } from "../discovery/discovery.ts";
import type { MemberParts } from "./parts.ts";
import type { MemberStorage } from "./storage.ts";
import type { PartsSurroundings } from "./wiring.ts";

/** What a member has outside itself: real disks, sockets and clocks, or simulated ones. */
export interface Surroundings extends PartsSurroundings {
  /** A resolver with a budget of its own; the system's by default. */
  readonly createResolver?: () => ResolveHost;
  /** How other members are found when settings do not name them; none in simulations. */
  readonly discovery?: Discovery;
  /** Certificates of other members have to be for this name from now on. */
  expectPeerName?(name: string): void;
  /** For the simulation, whose logs are short. */
  readonly walSegmentBytes?: number;

  /** For the simulation, which looks at the parts, and plants mistakes in them, before anything runs. */
  assembled?(storage: MemberStorage, parts: MemberParts): void;
  /** Other members reach this one from now on. */
  answerPeers(context: ApiContext): void;
  /** Ends all links, in both directions; also those that `answerPeers` would have answered. Idempotent. */
  closePeers(): Promise<void>;
  /** Who hears of every call of a client. Default: nobody. */
  observeCalls?(): readonly CallObserver[];
  /** Clients are served from now on. */
  serveClients(context: ApiContext, services: Services): void;
  /** Takes no more calls, and lets those in progress finish for a while. Idempotent. */
  stopServing(): Promise<void>;

  /** The member can no longer keep its promises, and does nothing any more. Called once. */
  failed(error: Error): void;
  /** The cluster has removed this member for good, and had time to learn that it has agreed. Called once. */
  removed(): void;
}
