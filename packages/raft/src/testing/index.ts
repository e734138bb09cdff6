/** For those who test what they build on the package: groups in memory, seeded chance, data-driven files. */
export { Group, type GroupConfig, GroupMember } from "./group.ts";
export { findVectorFiles, rewriteVectorFile, runVectorFile } from "./run-vectors.ts";
export { SeededRandom } from "./seeded-random.ts";
export { Simulation, type SimulationOptions } from "./sim/simulation.ts";
