import type { Scenario } from "../scenario.ts";

/** Leaders come and go, and those that are lost have entries that the others lack. */
export const ELECTIONS: Partial<Scenario> = {
  members: 3,
  workers: 6,
  thinkMs: 10,
  leaseHolders: 0,
  faults: ["isolate-leader", "partition", "pause", "power", "bad-links"],
  meanPauseMs: 150,
  meanFaultMs: 150,
  floods: false,
  compacts: false,
  replacesMembers: false,
  member: { heartbeatMs: 10, electionTicks: 10, preVote: false },
};

/** Candidates are lost while others vote for them, and stand again. */
export const LOST_CANDIDATES: Partial<Scenario> = {
  ...ELECTIONS,
  faults: ["lost-candidate", "lost-leader", "isolate-leader", "stall-and-lose"],
  momentChance: 0.3,
  disks: "uneven",
};

/** Voters that nobody else votes with lose their power just when they lead. */
export const LONE_VOTERS: Partial<Scenario> = {
  ...ELECTIONS,
  members: 1,
  faults: ["power", "lost-leader", "stall-and-lose"],
  momentChance: 0.5,
};

/** Processes end and lose their database's newest changes, best of all when an operator has just done something. */
export const CRASHES: Partial<Scenario> = {
  members: 3,
  faults: ["kill", "power"],
  meanPauseMs: 1_500,
  meanFaultMs: 100,
  momentChance: 0.4,
  floods: false,
  compacts: true,
  replacesMembers: false,
  member: { heartbeatMs: 10, electionTicks: 10, backendBatchMs: 1_000, snapshotCount: 100 },
};

/** Members that were away get the state of the others. */
export const SNAPSHOTS: Partial<Scenario> = {
  members: 3,
  faults: ["pause", "partition", "cut", "kill"],
  meanPauseMs: 500,
  meanFaultMs: 800,
  floods: true,
  member: {
    heartbeatMs: 10,
    electionTicks: 10,
    snapshotCount: 50,
    snapshotCatchupEntries: 5,
    watchProgressNotifyMs: 300,
  },
};

/** Snapshots of a member's own take long, and others' arrive meanwhile. */
export const LATE_SNAPSHOTS: Partial<Scenario> = {
  ...SNAPSHOTS,
  disks: "uneven",
  faults: ["pause", "partition", "cut", "disk-stall", "power"],
};

/** Members lose their power while they receive snapshots, and go on by entries. */
export const INTERRUPTED_SNAPSHOTS: Partial<Scenario> = {
  ...SNAPSHOTS,
  faults: ["kill", "power", "stop", "isolate-leader", "cut-out", "stall-and-lose", "lost-leader"],
  meanPauseMs: 100,
  meanFaultMs: 50,
  momentChance: 0.2,
  disks: "alike",
  hasTwins: false,
  member: {
    heartbeatMs: 10,
    electionTicks: 10,
    snapshotCount: 100,
    snapshotCatchupEntries: 50,
    backendBatchMs: 5,
  },
};

/** Leaders are lost with much that nobody else has, and get a snapshot when they come back. */
export const LOST_TAILS: Partial<Scenario> = {
  members: 3,
  hasTwins: false,
  workers: 80,
  thinkMs: 20,
  leaseHolders: 0,
  faults: ["isolate-leader"],
  meanPauseMs: 200,
  meanFaultMs: 150,
  momentChance: 0.5,
  floods: false,
  compacts: false,
  movesLeader: false,
  replacesMembers: false,
  member: { heartbeatMs: 10, electionTicks: 10, snapshotCount: 10, snapshotCatchupEntries: 2 },
};

/** Two members come to the same request IDs. */
export const TWINS: Partial<Scenario> = {
  members: 3,
  hasTwins: true,
  workers: 6,
  thinkMs: 5,
  floods: false,
};

/** Somebody writes at any time, and disks are slow. */
export const NEVER_IDLE: Partial<Scenario> = {
  members: 3,
  workers: 20,
  thinkMs: 10,
  disks: "uneven",
  backlogWeight: 1,
  faults: ["bad-links"],
  meanPauseMs: 5_000,
  momentChance: 0,
  floods: false,
  hasTwins: false,
  replacesMembers: false,
  shrinks: false,
  member: { heartbeatMs: 30, electionTicks: 10, snapshotCount: 50, backendBatchMs: 5 },
};

/** Little data fills the memory of members with slow disks. */
export const FULL_MEMORIES: Partial<Scenario> = {
  members: 3,
  disks: "uneven",
  backlogWeight: 10_000,
  workers: 6,
  thinkMs: 5,
  floods: true,
  faults: ["disk-stall"],
};

/** Members come and go while disks are slow. */
export const CHANGING_MEMBERS: Partial<Scenario> = {
  members: 3,
  workers: 6,
  thinkMs: 5,
  floods: true,
  faults: ["disk-stall"],
  meanPauseMs: 300,
  meanFaultMs: 200,
  replacesMembers: true,
  compacts: false,
  movesLeader: false,
  disks: "uneven",
  backlogWeight: 1,
};

/** Members go until there is one voter left, be it the leader that goes. */
export const LAST_VOTERS: Partial<Scenario> = {
  members: 2,
  shrinks: true,
  movesLeader: true,
  replacesMembers: false,
  compacts: false,
  workers: 6,
  thinkMs: 5,
  leaseHolders: 0,
  meanPauseMs: 1_000,
  member: { heartbeatMs: 10, electionTicks: 10 },
};

/** Messages are late, lost, repeated and out of order. */
export const BAD_LINKS: Partial<Scenario> = {
  members: 3,
  workers: 5,
  thinkMs: 10,
  faults: ["bad-links", "bad-links", "kill"],
  meanPauseMs: 300,
  meanFaultMs: 400,
  floods: false,
};

/** Leaders stand still for so long that others take over. */
export const PAUSES: Partial<Scenario> = {
  members: 3,
  thinkMs: 40,
  faults: ["pause"],
  meanPauseMs: 500,
  meanFaultMs: 2_500,
  floods: false,
  replacesMembers: false,
  member: { heartbeatMs: 10, electionTicks: 10 },
};

/** Leaders are cut off while many clients write and read everywhere. */
export const LOST_LEADERS: Partial<Scenario> = {
  members: 3,
  hasTwins: false,
  workers: 40,
  thinkMs: 200,
  leaseHolders: 0,
  faults: ["isolate-leader"],
  meanPauseMs: 800,
  meanFaultMs: 800,
  momentChance: 0,
  floods: false,
  compacts: false,
  movesLeader: false,
  replacesMembers: false,
  member: { heartbeatMs: 30, electionTicks: 10 },
};

/** As `LOST_LEADERS`, more often, and others take over from those that took over. */
export const LOST_SUCCESSORS: Partial<Scenario> = {
  ...LOST_LEADERS,
  faults: ["isolate-leader", "kill", "power"],
  meanPauseMs: 300,
  meanFaultMs: 300,
  movesLeader: true,
  member: { heartbeatMs: 10, electionTicks: 10 },
};

/** Leaders hand over to others, of their own accord or because their disks are slow. */
export const TRANSFERS: Partial<Scenario> = {
  ...LOST_LEADERS,
  workers: 20,
  thinkMs: 40,
  faults: ["disk-stall", "kill"],
  meanPauseMs: 300,
  meanFaultMs: 300,
  movesLeader: true,
  member: { heartbeatMs: 10, electionTicks: 10 },
};

/** Watchers rest while history is compacted behind them. */
export const RESTING_WATCHERS: Partial<Scenario> = {
  members: 3,
  thinkMs: 15,
  slowWatchers: 4,
  faults: ["kill"],
  meanPauseMs: 5_000,
  floods: false,
  compacts: true,
  movesLeader: false,
  replacesMembers: false,
};

/** Watchers wait for revisions that a member does not have when it gets the state of the others. */
export const FUTURE_WATCHERS: Partial<Scenario> = {
  ...SNAPSHOTS,
  futureWatchers: 20,
  faults: ["pause", "partition", "cut", "bad-links"],
};
