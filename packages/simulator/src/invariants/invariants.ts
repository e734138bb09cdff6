/** What must hold at every moment of a run, and what each says. */
export const INVARIANTS = {
  "one-leadership": "a term has one leadership, in one life of one member",
  "log-matching": "an index and a term name one entry on all members, always",
  "leader-completeness": "a new leader's log has everything that was committed in earlier terms",
  "applied-order": "each entry is applied right behind the one before it",
  "hard-state": "what is durable of term, vote, commit index and log neither goes back nor is lost",
  "durable-promises": "votes and acknowledgements leave when what they promise is durable",
  "snapshot-records": "the snapshots that a log names ascend",
  "log-kept": "a snapshot that is due is made in time, so that the log on disk stays short",
  "bounded-memory": "what waits in memory for the database is bounded",
} as const;

export type Invariant = keyof typeof INVARIANTS;

/** Takes what breaks an invariant. */
export type Report = (invariant: Invariant, text: string) => void;
