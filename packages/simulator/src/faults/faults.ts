import type { Moment } from "../world/moments.ts";

export const FAULTS = [
  "kill",
  "power",
  "blackout",
  "stop",
  "rolling-restart",
  "pause",
  "cut",
  "cut-out",
  "partition",
  "isolate-leader",
  "bad-links",
  "disk-stall",
  "stall-and-lose",
  "lost-leader",
  "lost-candidate",
  "crash-point",
  "disk-error",
  "disk-full",
  "bit-rot",
  "wall-clock",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Those after which a process is gone. */
export const ENDING_FAULTS: ReadonlySet<Fault> = new Set([
  "kill",
  "power",
  "blackout",
  "stop",
  "rolling-restart",
  "stall-and-lose",
  "lost-leader",
  "lost-candidate",
  "crash-point",
  "disk-error",
  "disk-full",
  "bit-rot",
]);

const ELECTION: readonly Fault[] = ["disk-stall", "stall-and-lose", "lost-leader", "lost-leader"];
const DISK: readonly Fault[] = ["crash-point"];

/** What hurts most at a moment. */
export const FITTING_FAULTS: Readonly<Record<Moment, readonly Fault[]>> = {
  "pre-candidacy": ELECTION,
  candidacy: ELECTION,
  transfer: ELECTION,
  leadership: [...ELECTION, "cut-out"],
  "snapshot-arrives": DISK,
  "snapshot-install": DISK,
  "snapshot-file": DISK,
  "snapshot-record": DISK,
  "segment-cut": DISK,
  "database-replaced": DISK,
  membership: ["cut-out", "disk-stall"],
  maintenance: ["crash-point", "stall-and-lose"],
  start: ["crash-point", "stall-and-lose"],
};
