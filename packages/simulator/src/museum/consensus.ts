import { type Message, MessageType, type RawNode, ReadOnlyOption } from "@quorate/raft";
import type { MemberParts } from "@quorate/server/simulation";
import { BAD_LINKS, CRASHES, ELECTIONS, LOST_LEADERS, LOST_SUCCESSORS, TWINS } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

type RaftLog = RawNode["raft"]["log"];

const DEAF_FROM_MS = 8_000;
const EARLY_MS = 20;

export const CONSENSUS_EXHIBITS: readonly Exhibit[] = [
  {
    name: "early-acknowledgements",
    mistake: "a follower acknowledges entries as they arrive, before they are on its disk",
    origin: "ours",
    onArrival({ message, answer, receive, receiveLater }) {
      const early = earlyAcknowledgement(message);
      if (early === undefined) {
        receive();
        return;
      }
      answer(early);
      receiveLater(EARLY_MS);
    },
  },
  {
    name: "vote-for-anybody",
    mistake: "a vote is given to a candidate whose log lacks committed entries",
    origin: "Raft 5.4.1",
    circumstances: ELECTIONS,
    inMember({ parts }) {
      replaceMethod<RaftLog["isUpToDate"]>(parts.node.raft.log, "isUpToDate", () => () => true);
    },
  },
  {
    name: "lone-voter-without-sync",
    mistake: "a lone voter commits what it has only begun to write",
    origin: "etcd#14370",
    circumstances: { ...CRASHES, members: 1, faults: ["power"] },
    inMember({ parts, clock }) {
      const { node, writer, consensus } = parts;
      replaceMethod<(message: Message) => void>(writer, "append", (append) => (message) => {
        const isEarly = node.raft.tracker.isSingleton() && writer.writingSinceMs === undefined;
        if (!isEarly || message.snapshot !== undefined || message.responses.length === 0) {
          append(message);
          return;
        }
        append({ ...message, responses: [] });
        clock.soon(() => consensus.durable(message.responses));
      });
    },
  },
  {
    name: "append-without-match",
    mistake: "a follower takes entries without comparing what precedes them",
    origin: "Raft 5.3",
    circumstances: LOST_SUCCESSORS,
    inMember({ parts }) {
      const { log } = parts.node.raft;
      replaceMethod<RaftLog["maybeAppend"]>(
        log,
        "maybeAppend",
        (maybeAppend) => (prevIndex, prevTerm, entries, committed) => {
          const term = prevIndex <= log.lastIndex() ? log.termOrZero(prevIndex) : prevTerm;
          return maybeAppend(prevIndex, term, entries, committed);
        },
      );
    },
  },
  {
    name: "reads-without-quorum",
    mistake: "linearizable reads are answered from local state",
    origin: "etcd#741",
    inMember({ parts }) {
      replaceMethod<typeof parts.consensus.read>(parts.consensus, "read", () => (reader) => reader.ready());
    },
  },
  {
    name: "reads-without-heartbeats",
    mistake: "a leader answers reads without asking a quorum whether it still leads",
    origin: "Raft 6.4",
    circumstances: LOST_LEADERS,
    inMember({ parts }) {
      Object.assign(parts.node.raft.readOnly, { option: ReadOnlyOption.ReadOnlyLeaseBased });
    },
  },
  {
    name: "equal-request-ids",
    mistake:
      "members count their requests without naming themselves, and take the entry of another one for their own",
    origin: "ours",
    circumstances: BAD_LINKS,
    inMember({ parts }) {
      takeByRequestId(parts);
      let count = 0n;
      const { ids } = parts.context;
      replaceMethod<typeof ids.next>(ids, "next", () => () => ++count);
    },
  },
  {
    name: "taken-by-request-id",
    mistake:
      "a member takes an entry with its request's ID for its own; those whose IDs end alike count the same",
    origin: "ours",
    circumstances: TWINS,
    inMember({ parts }) {
      takeByRequestId(parts);
      countByTimeAlone(parts);
    },
  },
  {
    name: "repeated-proposals",
    mistake: "forwarded proposals may be delivered twice",
    origin: "ours",
    circumstances: BAD_LINKS,
    repeats: ({ type }) => type === MessageType.MsgProp,
  },
  {
    name: "deaf-member",
    mistake: "a member takes no more messages after a while",
    origin: "ours",
    onArrival({ toFirst, nowMs, receive }) {
      if (!toFirst || nowMs <= DEAF_FROM_MS) receive();
    },
  },
];

/** Members whose IDs end alike, and that start at one time, give their requests the same IDs. */
function countByTimeAlone({ context }: MemberParts): void {
  const { clock, ids, membership } = context;
  let id = (BigInt.asUintN(16, membership.localId) << 48n) | BigInt.asUintN(48, BigInt(clock.wallMs()) << 8n);
  replaceMethod<typeof ids.next>(ids, "next", () => () => ++id);
}

/** Proposals do not look into the entries that they are applied for. */
function takeByRequestId({ consensus }: MemberParts): void {
  replaceMethod<MemberParts["consensus"]["propose"]>(consensus, "propose", (propose) => (proposal) => {
    replaceMethod<typeof proposal.hasDataOf>(proposal, "hasDataOf", () => () => true);
    propose(proposal);
  });
}

/** What a follower that acknowledges too early answers to `message`. */
function earlyAcknowledgement(message: Message): Message | undefined {
  const last = message.entries.at(-1);
  if (message.type !== MessageType.MsgApp || last === undefined) return undefined;
  return {
    ...message,
    type: MessageType.MsgAppResp,
    to: message.from,
    from: message.to,
    index: last.index,
    logTerm: 0,
    commit: 0,
    entries: [],
  };
}
