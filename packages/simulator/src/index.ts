export { INVARIANTS, type Invariant } from "./checks/invariants.ts";
export { type RunOptions, type RunResult, simulate } from "./run.ts";
export type { Scenario } from "./scenario.ts";
export { PLANTS, type Plant } from "./world/planted-bugs.ts";
