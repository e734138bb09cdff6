import { assert } from "./assert.ts";
import type { Raft } from "./raft.ts";
import { type Message, MessageType, NONE } from "./types.ts";

/**
 * Queues `m` for the next Ready. Votes name their term themselves; everything else is of the sender's term, except for
 * requests that are passed on to whoever leads, which have none.
 */
export function send(r: Raft, m: Message): void {
  if (m.from === NONE) m.from = r.id;
  switch (m.type) {
    case MessageType.MsgVote:
    case MessageType.MsgVoteResp:
    case MessageType.MsgPreVote:
    case MessageType.MsgPreVoteResp:
      assert(m.term !== 0, "term should be set when sending a vote message");
      break;
    case MessageType.MsgProp:
    case MessageType.MsgReadIndex:
      assert(m.term === 0, "term should not be set when sending a request");
      break;
    default:
      assert(m.term === 0, "term should not be set when sending");
      m.term = r.term;
  }
  if (
    m.type === MessageType.MsgAppResp ||
    m.type === MessageType.MsgVoteResp ||
    m.type === MessageType.MsgPreVoteResp
  ) {
    // An answer promises that the entries, the vote or the term survive a crash. Refusals wait as well: they speak of
    // the same state, and a refusal that overtakes the write of its term could be contradicted after a restart.
    r.messagesAfterAppend.push(m);
  } else {
    assert(m.to !== r.id, "message should not be self-addressed when sending");
    r.messages.push(m);
  }
}
