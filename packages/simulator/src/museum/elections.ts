import { type Message, MessageType, NONE } from "@quorate/raft";
import type { MemberParts } from "@quorate/server/simulation";
import type { PlantedMember } from "../world/plant.ts";
import { ELECTIONS, LONE_VOTERS, LOST_CANDIDATES } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

type Append = MemberParts["writer"]["append"];

export const ELECTION_EXHIBITS: readonly Exhibit[] = [
  {
    name: "early-vote-requests",
    mistake:
      "a candidate asks for votes before its term, its own vote and the log that it names are on its disk",
    origin: "ours",
    circumstances: LOST_CANDIDATES,
    inMember({ parts }) {
      const { node, transport } = parts;
      replaceMethod<typeof node.ready>(node, "ready", (takeReady) => () => {
        const ready = takeReady();
        const requests = ready.messages.filter(isVoteRequest);
        if (requests.length > 0) transport.send(requests);
        return { ...ready, messages: ready.messages.filter((message) => !isVoteRequest(message)) };
      });
    },
  },
  {
    name: "early-own-vote",
    mistake: "a candidate counts its own vote, and leads by it, before that is on its disk",
    origin: "ours",
    circumstances: LONE_VOTERS,
    inMember(member) {
      const { localId } = member.storage;
      releaseEarly(member, ({ type, to }) => type === MessageType.MsgVoteResp && to === localId);
    },
  },
  {
    name: "early-votes",
    mistake: "a vote is sent before it is on the disk",
    origin: "ours",
    circumstances: ELECTIONS,
    inMember(member) {
      releaseEarly(member, ({ type }) => type === MessageType.MsgVoteResp);
    },
  },
  {
    name: "forgotten-vote",
    mistake: "the log says which term a member is in, but not for whom it voted",
    origin: "ours",
    circumstances: ELECTIONS,
    inMember({ storage }) {
      const { wal } = storage;
      replaceMethod<typeof wal.save>(
        wal,
        "save",
        (save) => (state, entries) => save(state && { ...state, vote: NONE }, entries),
      );
    },
  },
];

/** Responses of this kind do not wait for the write that they are of. */
function releaseEarly({ parts, clock }: PlantedMember, isEarly: (response: Message) => boolean): void {
  const { writer, consensus } = parts;
  replaceMethod<Append>(writer, "append", (append) => (message) => {
    const early = message.responses.filter(isEarly);
    append({ ...message, responses: message.responses.filter((response) => !isEarly(response)) });
    if (early.length > 0) clock.soon(() => consensus.durable(early));
  });
}

function isVoteRequest({ type }: Message): boolean {
  return type === MessageType.MsgVote || type === MessageType.MsgPreVote;
}
