import type { RecordedMessage } from "./recorder.ts";

export interface ShownMessages {
  readonly messages: readonly RecordedMessage[];
  /** What was left out, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * At most `limit` of `messages`, which are ascending by time: those closest to `aroundMs`. Heartbeats are left out before
 * anything else is.
 */
export function limitMessages(
  messages: readonly RecordedMessage[],
  limit: number,
  aroundMs: number,
): ShownMessages {
  if (messages.length <= limit) return { messages, notes: [] };
  const others = messages.filter((message) => !isHeartbeat(message));
  if (others.length > limit) {
    const kept = closest(others, limit, aroundMs);
    return {
      messages: kept,
      notes: [
        `Of ${messages.length} messages, the page has no heartbeats, and of the others the ${limit} ` +
          `from ${seconds(kept[0])} to ${seconds(kept.at(-1))}.`,
      ],
    };
  }
  const heartbeats = closest(messages.filter(isHeartbeat), limit - others.length, aroundMs);
  return {
    messages: [...others, ...heartbeats].sort((a, b) => a.sentMs - b.sentMs),
    notes: [
      `Of ${messages.length} messages, the page has all but some heartbeats: it has those from ` +
        `${seconds(heartbeats[0])} to ${seconds(heartbeats.at(-1))}.`,
    ],
  };
}

function isHeartbeat({ type }: RecordedMessage): boolean {
  return type === "MsgHeartbeat" || type === "MsgHeartbeatResp";
}

/** A stretch of `messages` that starts as long before `aroundMs` as it can, and goes on behind it while there is room. */
function closest(
  messages: readonly RecordedMessage[],
  limit: number,
  aroundMs: number,
): readonly RecordedMessage[] {
  const after = messages.findIndex(({ sentMs }) => sentMs > aroundMs);
  const end = after === -1 ? messages.length : Math.min(messages.length, after + Math.ceil(limit / 4));
  const start = Math.max(0, end - limit);
  return messages.slice(start, start + limit);
}

function seconds(message: RecordedMessage | undefined): string {
  return message === undefined ? "the end" : `${(message.sentMs / 1_000).toFixed(2)} s`;
}
