export { type Explanation, explain } from "./explain/explain.ts";
export type { ScheduledFault } from "./faults/fault-schedule.ts";
export { INVARIANTS, type Invariant } from "./invariants/invariants.ts";
export { showMuseum } from "./museum/guide.ts";
export { EXHIBITS, type Exhibit, exhibitNamed } from "./museum/index.ts";
export { type RunOptions, type RunResult, simulate } from "./run.ts";
export type { Scenario } from "./scenario.ts";
