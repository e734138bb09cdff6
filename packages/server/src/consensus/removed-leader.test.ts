import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfChangeType, MemoryStorage, type Message, MessageType, RawNode } from "@quorate/raft";
import { Consensus, type ConsensusOptions } from "./consensus.ts";

const LOCAL_ID = 1n;

/** One of two members, over parts that do nothing. */
function member() {
  const storage = new MemoryStorage();
  const confState = {
    voters: [LOCAL_ID, 2n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  storage.applySnapshot({ data: new Uint8Array(0), metadata: { index: 1, term: 1, confState } });
  const node = new RawNode({
    id: LOCAL_ID,
    electionTick: 10,
    heartbeatTick: 1,
    storage,
    random: { below: () => 0 },
    asyncStorageWrites: true,
    maxSizePerMsg: 1 << 20,
    maxInflightMsgs: 10,
  });
  const nothing = new Proxy({}, { get: () => () => undefined });
  const consensus = new Consensus({
    ...{ node, localId: LOCAL_ID, appliedIndex: 1, appliedTerm: 1 },
    ...{ writer: nothing, events: nothing, clock: nothing },
  } as unknown as ConsensusOptions);
  return { node, consensus };
}

/** What raft tells itself when entries of its own have become durable. */
const WRITTEN: Message = {
  type: MessageType.MsgAppResp,
  to: LOCAL_ID,
  from: LOCAL_ID,
  term: 1,
  logTerm: 0,
  index: 1,
  entries: [],
  commit: 0,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: undefined,
  vote: 0n,
  responses: [],
};

test("a write that ends when the leader has been removed does not end the member with an error", () => {
  const { node, consensus } = member();
  node.applyConfChange({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: LOCAL_ID });
  assert.throws(() => node.step(WRITTEN), /peer not found/);
  consensus.durable([WRITTEN]);
});
