import type { Message } from "@quorate/raft";
import type { MemberParts, MemberStorage } from "@quorate/server/simulation";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Disk } from "@quorate/storage/seams/disk";
import type { Endpoint } from "./endpoint.ts";

/**
 * A mistake that is planted on purpose, to see that the checks find it: what it does at those places of the world at which
 * it does anything. A member's own code stays as it is; a plant replaces methods of the parts that the member has been
 * built from, or stands between the member and what surrounds it.
 */
export interface Plant {
  /** In the parts of a member, once for each of its processes, before anything of it runs. */
  inMember?(member: PlantedMember): void;
  /** In the engine of all databases, once for each run, which disposes of it at its end. */
  inEngine?(): Disposable;
  /** Between a member and its disk. */
  onDisk?(disk: Disk): Disk;
  /** Takes a message in the place of a member, which gets it by `arrival.receive`: now, later or never. */
  onArrival?(arrival: Arrival): void;
  /** Whether the network may deliver a message twice that links deliver once. */
  repeats?(message: Message): boolean;
}

export interface PlantedMember {
  readonly parts: MemberParts;
  readonly storage: MemberStorage;
  readonly clock: Clock;
  /** Of those that the cluster began with: for mistakes that only one member makes. */
  readonly isFirst: boolean;
  /** The world's time, in milliseconds. */
  nowMs(): number;
}

/** A message that has come to a member. */
export interface Arrival {
  readonly to: Endpoint;
  /** Of those that the cluster began with. */
  readonly toFirst: boolean;
  readonly message: Message;
  /** The world's time, in milliseconds. */
  readonly nowMs: number;
  /** Sends `message` in the member's name. */
  answer(message: Message): void;
  /** Gives the member the message. */
  receive(): void;
  /** As `receive`, after a while. */
  receiveLater(delayMs: number): void;
}
