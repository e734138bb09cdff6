import { MemoryStorage, type NodeId, RawNode } from "@quorate/raft";

/** A node of a cluster of `voters` whose log begins after index 1 of term 1. It never campaigns by itself. */
export function newNode(id: NodeId, voters: readonly NodeId[]): RawNode {
  const storage = new MemoryStorage();
  const confState = {
    voters: [...voters],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  storage.applySnapshot({ data: new Uint8Array(0), metadata: { index: 1, term: 1, confState } });
  return new RawNode({
    id,
    electionTick: 1_000,
    heartbeatTick: 1,
    storage,
    random: { below: () => 0 },
    asyncStorageWrites: true,
    maxSizePerMsg: 1 << 20,
    maxInflightMsgs: 10,
  });
}
