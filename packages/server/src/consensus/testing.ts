import { MemoryStorage, type NodeId, RawNode } from "@quorate/raft";
import { Proposal } from "./proposal.ts";

/** A proposal that remembers what became of it. */
export class Probe extends Proposal {
  outcome = "waiting";

  constructor({ data = new Uint8Array(0) as Uint8Array, startedMs = 0, leaderOnly = false }) {
    super(data, leaderOnly);
    this.startedMs = startedMs;
  }

  override apply(): undefined {
    this.outcome = "applied";
  }

  override fail(error: Error): void {
    this.outcome = error.message;
  }
}

/** A node of a cluster of `voters` whose log begins after index 1 of term 1. It never campaigns by itself. */
export function newNode(id: NodeId, voters: readonly NodeId[], storage = new MemoryStorage()): RawNode {
  const confState = {
    voters: [...voters],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  storage.applySnapshot({ data: new Uint8Array(0), metadata: { index: 1, term: 1, confState } });
  storage.setHardState({ term: 1, vote: 0n, commit: 1 });
  return new RawNode({
    id,
    electionTick: 1_000,
    heartbeatTick: 1,
    storage,
    random: { below: () => 0 },
    asyncStorageWrites: true,
    maxSizePerMsg: 1 << 20,
    maxUncommittedEntriesSize: 1 << 20,
    maxInflightMsgs: 10,
  });
}
