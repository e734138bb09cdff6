import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfChangeType, type Message, MessageType } from "@quorate/raft";
import { Consensus } from "./consensus.ts";
import type { ConsensusOptions } from "./surroundings.ts";
import { newNode } from "./testing.ts";

const LOCAL_ID = 1n;

/** One of two members, over parts that do nothing. */
function member() {
  const node = newNode(LOCAL_ID, [LOCAL_ID, 2n]);
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
