import type { Invariant } from "../invariants/invariants.ts";

/** What must hold; README.md says what each of them means. */
export type Rule =
  | "linearizability"
  | "one history"
  | "watches"
  | "leases"
  | "users"
  | "convergence"
  | "liveness"
  | "no failure"
  | Invariant;
