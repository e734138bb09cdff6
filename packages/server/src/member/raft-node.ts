import { RawNode } from "@quorate/raft";
import type { Random } from "@quorate/storage/seams/random";
import { encodeMember } from "../cluster/member-json.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { MemberStorage } from "./storage.ts";

const MAX_BYTES_PER_APPEND = 1024 * 1024;
const MAX_INFLIGHT_APPENDS = 512;
/** Of payload on the way to one follower: whose disk hangs must not make the others keep more for it. */
const MAX_INFLIGHT_BYTES = 64 * 1024 * 1024;
/** Of payload that a leader takes before a quorum has it: beyond it proposals wait. */
const MAX_UNCOMMITTED_BYTES = 64 * 1024 * 1024;

/** The raft state machine over a member's log; that of a new cluster begins with its first members as entries. */
export function createRaftNode(config: ServerConfig, storage: MemberStorage, random: Random): RawNode {
  const node = new RawNode({
    id: storage.localId,
    electionTick: config.electionTicks,
    heartbeatTick: 1,
    storage: storage.raftLog,
    random,
    asyncStorageWrites: true,
    maxSizePerMsg: MAX_BYTES_PER_APPEND,
    maxInflightMsgs: MAX_INFLIGHT_APPENDS,
    maxInflightBytes: MAX_INFLIGHT_BYTES,
    maxUncommittedEntriesSize: MAX_UNCOMMITTED_BYTES,
    checkQuorum: true,
    preVote: config.preVote,
  });
  if (storage.firstMembers.length > 0) {
    // All members of the cluster must come to the same entries.
    node.bootstrap(
      storage.firstMembers
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .map((member) => ({ id: member.id, context: Buffer.from(encodeMember(member)) })),
    );
  }
  return node;
}
