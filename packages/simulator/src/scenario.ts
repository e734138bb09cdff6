import type { MemberOptions } from "@quorate/server/simulation";
import { SeededRandom } from "@quorate/testkit/random";
import { FAULTS, type Fault } from "./faults/faults.ts";
import type { TroublePlan } from "./faults/trouble-maker.ts";
import type { MachineHardware } from "./world/machine.ts";

/** What a run is like, drawn from its seed. */
export interface Scenario extends TroublePlan, MachineHardware {
  readonly members: number;
  readonly workers: number;
  /** Mean time between two operations of a worker. */
  readonly thinkMs: number;
  readonly leaseHolders: number;
  /** Watchers that go from member to member. */
  readonly roamers: number;
  /** Watchers that stay at one member and rest now and then, besides one that roams. */
  readonly slowWatchers: number;
  /** Watchers that roam, and now and then begin at a revision that is not there yet. */
  readonly futureWatchers: number;
  readonly troubleMs: number;
  /** Much is written while somebody is away, who then needs a snapshot. */
  readonly floods: boolean;
  readonly compacts: boolean;
  readonly movesLeader: boolean;
  readonly replacesMembers: boolean;
  /** Members are removed down to the last voter, and come back. */
  readonly shrinks: boolean;
  /** Learners may stay learners. */
  readonly keepsLearners: boolean;
  /** Two of the first members have IDs that end in the same 16 bits, and clocks that go on in large steps. */
  readonly hasTwins: boolean;
  /** The operation of its disk at which one member loses power in its first start; 0: none does. */
  readonly firstCrashPoint: number;
  /** How far clocks may be off: 0.01 is one percent. */
  readonly clockSkew: number;
  readonly member: Partial<MemberOptions>;
  /** Users besides root whom clients act for, and who may do now this and now that; 0: there are none. */
  readonly users: number;
  readonly tokens: AuthTokenSettings;
}

type UserScenario = Pick<Scenario, "users" | "tokens">;
type AuthTokenSettings = NonNullable<MemberOptions["authToken"]>;

/** Faults that leave a process as it is and keep it from hearing of others. */
const SILENCES: readonly Fault[] = ["cut", "partition", "pause", "isolate-leader"];
/** Faults that make a member lead, and then end it. */
const ELECTIONS: readonly Fault[] = [
  "kill",
  "power",
  "stop",
  "rolling-restart",
  "isolate-leader",
  "cut-out",
  "stall-and-lose",
  "lost-leader",
  "lost-candidate",
];
/** A start takes about so many operations of the disk. */
const FIRST_START_OPERATIONS = 80;

/** `troubleMs`: world time for which faults come. */
export function drawScenario(random: SeededRandom, troubleMs: number): Omit<Scenario, keyof UserScenario> {
  const heartbeatMs = random.pick([10, 30, 100]);
  const electionMs = 10 * heartbeatMs;
  const isAboutSnapshots = random.chance(0.3);
  const isAboutElections = !isAboutSnapshots && random.chance(0.35);
  const floods = isAboutSnapshots || random.chance(0.4);
  const faults = FAULTS.filter(() => random.chance(isAboutSnapshots ? 0.2 : 0.5));
  const shrinks = random.chance(0.2);
  return {
    members: shrinks ? random.pick([2, 3]) : random.pick([3, 3, 3, 3, 5, isAboutSnapshots ? 3 : 1]),
    workers: 2 + random.below(5),
    thinkMs: random.pick([5, 15, 40, 100]),
    leaseHolders: random.below(4),
    faults: isAboutSnapshots ? [...SILENCES, ...faults] : isAboutElections ? ELECTIONS : ["kill", ...faults],
    meanPauseMs: random.pick(
      isAboutElections ? [electionMs, 3 * electionMs] : [electionMs, 3 * electionMs, 2_000, 5_000],
    ),
    meanFaultMs: isAboutSnapshots ? 800 : random.pick([electionMs / 2, 2 * electionMs, 1_500]),
    troubleMs,
    momentChance: random.pick(isAboutElections ? [0.2, 0.5] : [0, 0.1, 0.4]),
    floods,
    compacts: random.chance(0.6),
    movesLeader: isAboutElections || random.chance(0.5),
    replacesMembers: random.chance(0.4),
    shrinks,
    keepsLearners: random.chance(0.3),
    hasTwins: random.chance(0.1),
    firstCrashPoint: random.chance(0.05) ? 1 + random.below(FIRST_START_OPERATIONS) : 0,
    clockSkew: random.pick([0, 0.001, 0.01]),
    disks: random.chance(0.6) ? "uneven" : "alike",
    backlogWeight: random.chance(0.15) ? 10_000 : 1,
    member: {
      heartbeatMs,
      electionTicks: 10,
      preVote: random.chance(0.7),
      snapshotCount: random.pick([50, 200, 1_000, 10_000]),
      snapshotCatchupEntries: random.pick(floods ? [5, 50] : [5, 500, 5_000]),
      backendBatchMs: random.pick([5, 100, 1_000]),
      backendBatchLimit: random.pick([10, 10_000]),
      watchProgressNotifyMs: random.pick([300, 2_000, 600_000]),
      compactionBatchLimit: random.pick([10, 1_000]),
    },
    roamers: random.pick([1, 1, 4]),
    slowWatchers: 0,
    futureWatchers: 0,
  };
}

/** Of a seed, and by nothing else that is drawn from it. */
export function drawUsers(seed: number): UserScenario {
  const random = new SeededRandom(seed);
  const simple = (ttlMs: number) => ({ kind: "simple", ttlMs }) as const;
  return {
    users: random.chance(0.3) ? 1 + random.below(4) : 0,
    tokens: random.pick([simple(300_000), simple(1_500), signedTokens(300_000), signedTokens(3_000)]),
  };
}

function signedTokens(ttlMs: number): AuthTokenSettings {
  return { kind: "jwt", algorithm: "HS256", publicKeyFile: "", privateKeyFile: "", ttlMs };
}
