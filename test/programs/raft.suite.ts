import { testProgram } from "./program.ts";

testProgram(
  "1,000 seeds of whole raft groups under faults keep every invariant",
  "packages/raft/scripts/simulate.ts",
  ["--seeds", "1000"],
);
testProgram("every planted mistake in raft is caught by its tests", "packages/raft/scripts/mutations.ts");
