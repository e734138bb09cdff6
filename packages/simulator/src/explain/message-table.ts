import type { MemberSampler } from "./member-sampler.ts";
import type { RecordedMessage } from "./recorder.ts";
import { roundMs, roundMsOrNull } from "./round-ms.ts";
import type { MessageTable } from "./timeline.ts";

/** What was sent so shortly before the end may still have been on its way. */
const UNDER_WAY_MS = 50;
const CAUSES = [
  "the link was cut",
  "the receiver was down",
  "under way at the end",
  "lost on the way",
] as const;
type Cause = (typeof CAUSES)[number];

/** `messages` as columns. `members`: all of them, in the order in which the timeline counts them. */
export function buildMessageTable(
  messages: readonly RecordedMessage[],
  members: ReadonlyMap<string, MemberSampler>,
  endMs: number,
): MessageTable {
  const types = [...new Set(messages.map(({ type }) => type))].sort();
  const typeIndexes = new Map(types.map((type, i) => [type, i]));
  const memberIndexes = new Map([...members.keys()].map((name, i) => [name, i]));
  const lostBy = (message: RecordedMessage) =>
    message.receivedMs === undefined ? CAUSES.indexOf(causeOf(message, members.get(message.to), endMs)) : -1;
  return {
    types,
    causes: CAUSES,
    type: messages.map(({ type }) => typeIndexes.get(type)!),
    from: messages.map(({ from }) => memberIndexes.get(from)!),
    to: messages.map(({ to }) => memberIndexes.get(to)!),
    sentMs: messages.map(({ sentMs }) => roundMs(sentMs)),
    receivedMs: messages.map(({ receivedMs }) => roundMsOrNull(receivedMs)),
    lostBy: messages.map(lostBy),
    term: messages.map(({ term }) => term),
    index: messages.map(({ index }) => index),
    logTerm: messages.map(({ logTerm }) => logTerm),
    commit: messages.map(({ commit }) => commit),
    entries: messages.map(({ entries }) => entries),
    isReject: messages.map(({ isReject }) => (isReject ? 1 : 0)),
  };
}

function causeOf(
  { wasCarried, sentMs }: RecordedMessage,
  receiver: MemberSampler | undefined,
  endMs: number,
): Cause {
  if (!wasCarried) return "the link was cut";
  const wasUp = receiver?.lives.some(
    (life) => life.startMs <= sentMs && sentMs < (life.endMs ?? Number.POSITIVE_INFINITY),
  );
  if (wasUp !== true) return "the receiver was down";
  return sentMs > endMs - UNDER_WAY_MS ? "under way at the end" : "lost on the way";
}
