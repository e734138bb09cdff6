import type { MemberOptions } from "@quorate/server/simulation";
import { FAULTS, type Fault, type TroublePlan } from "./faults/trouble-maker.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

/** What a run is like, drawn from its seed. */
export interface Scenario extends TroublePlan {
  readonly members: number;
  readonly workers: number;
  /** Mean time between two operations of a worker. */
  readonly thinkMs: number;
  readonly leaseHolders: number;
  readonly troubleMs: number;
  /** Much is written while somebody is away, who then needs a snapshot. */
  readonly floods: boolean;
  readonly compacts: boolean;
  readonly movesLeader: boolean;
  readonly replacesMembers: boolean;
  /** How far clocks may be off: 0.01 is one percent. */
  readonly clockSkew: number;
  readonly member: Partial<MemberOptions>;
}

/** Faults that leave a process as it is and keep it from hearing of others. */
const SILENCES: readonly Fault[] = ["cut", "partition", "pause", "isolate-leader"];

/** `troubleMs`: world time for which faults come. */
export function drawScenario(random: SeededRandom, troubleMs: number): Scenario {
  const heartbeatMs = random.pick([10, 30, 100]);
  const electionMs = 10 * heartbeatMs;
  const isAboutSnapshots = random.chance(0.3);
  const floods = isAboutSnapshots || random.chance(0.4);
  const faults = FAULTS.filter(() => random.chance(isAboutSnapshots ? 0.2 : 0.6));
  return {
    members: random.pick([3, 3, 3, 3, 5, isAboutSnapshots ? 3 : 1]),
    workers: 2 + random.below(5),
    thinkMs: random.pick([5, 15, 40, 100]),
    leaseHolders: random.below(4),
    faults: isAboutSnapshots ? [...SILENCES, ...faults] : ["kill", ...faults],
    meanPauseMs: random.pick([electionMs, 3 * electionMs, 2_000, 5_000]),
    meanFaultMs: isAboutSnapshots ? 800 : random.pick([electionMs / 2, 2 * electionMs, 1_500]),
    troubleMs,
    momentChance: random.pick([0, 0.1, 0.4]),
    floods,
    compacts: random.chance(0.6),
    movesLeader: random.chance(0.5),
    replacesMembers: random.chance(0.4),
    clockSkew: random.pick([0, 0.001, 0.01]),
    member: {
      heartbeatMs,
      electionTicks: 10,
      preVote: random.chance(0.8),
      snapshotCount: random.pick([50, 200, 1_000, 10_000]),
      snapshotCatchupEntries: random.pick(floods ? [5, 50] : [5, 500, 5_000]),
      backendBatchMs: random.pick([5, 100, 1_000]),
      backendBatchLimit: random.pick([10, 10_000]),
      watchProgressNotifyMs: random.pick([300, 2_000, 600_000]),
      compactionBatchLimit: random.pick([10, 1_000]),
    },
  };
}
