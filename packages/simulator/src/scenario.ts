import type { MemberOptions } from "@quorate/server/simulation";
import { FAULTS, type Fault } from "./faults/trouble-maker.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

/** What a run is like, drawn from its seed. */
export interface Scenario {
  readonly members: number;
  readonly workers: number;
  /** Mean time between two operations of a worker. */
  readonly thinkMs: number;
  readonly leaseHolders: number;
  readonly faults: readonly Fault[];
  readonly meanPauseMs: number;
  readonly troubleMs: number;
  readonly compacts: boolean;
  readonly movesLeader: boolean;
  readonly replacesMembers: boolean;
  /** How far clocks may be off: 0.01 is one percent. */
  readonly clockSkew: number;
  readonly member: Partial<MemberOptions>;
}

/** `troubleMs`: world time for which faults come. */
export function drawScenario(random: SeededRandom, troubleMs: number): Scenario {
  const withFaults = FAULTS.filter(() => random.chance(0.6));
  return {
    members: random.pick([3, 3, 3, 3, 5, 1]),
    workers: 2 + random.below(5),
    thinkMs: random.pick([5, 15, 40, 100]),
    leaseHolders: random.below(4),
    faults: withFaults.length === 0 ? ["kill"] : withFaults,
    meanPauseMs: random.pick([300, 1_000, 3_000]),
    troubleMs,
    compacts: random.chance(0.6),
    movesLeader: random.chance(0.5),
    replacesMembers: random.chance(0.3),
    clockSkew: random.pick([0, 0.001, 0.01]),
    member: {
      preVote: random.chance(0.8),
      snapshotCount: random.pick([50, 200, 1_000, 10_000]),
      snapshotCatchupEntries: random.pick([5, 50, 500, 5_000]),
      backendBatchMs: random.pick([5, 100, 1_000]),
      backendBatchLimit: random.pick([10, 10_000]),
      watchProgressNotifyMs: random.pick([300, 2_000, 600_000]),
      compactionBatchLimit: random.pick([10, 1_000]),
    },
  };
}
