import { lastAt } from "./ordered.ts";
import type { Found, View } from "./view.ts";

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(4)} s`;
}

/** What there is to know of what is under the pointer. */
export function describe(view: View, found: Found): string {
  const { timeline } = view;
  switch (found.kind) {
    case "message":
      return describeMessage(view, found.message);
    case "fault": {
      const { number, kind, member, startMs, endMs, effects } = timeline.faults[found.fault]!;
      const head = `Fault ${number}: ${kind} at ${timeline.members[member]}`;
      return [head, span(startMs, endMs), ...effects].join("\n");
    }
    case "links": {
      const { startMs, endMs, text } = timeline.links[found.link]!;
      return [text, span(startMs, endMs)].join("\n");
    }
    case "call": {
      const { client, member, what, startMs, endMs, outcome, answer } = timeline.calls[found.call]!;
      const head = `${timeline.clients[client]!.name} at ${timeline.members[member]}: ${what}`;
      const result = `${OUTCOMES[outcome]}${answer === "" ? "" : `: ${answer}`}`;
      return [head, span(startMs, endMs), result].join("\n");
    }
    case "line": {
      const { atMs, text } = timeline.lines[found.line]!;
      return `${seconds(atMs)}\n${text}`;
    }
    case "member":
      return describeMember(view, found.member, found.atMs);
  }
}

const OUTCOMES = { ok: "ok", unknown: "no answer, outcome unknown", failed: "failed" } as const;

function span(startMs: number, endMs: number | null): string {
  if (endMs === null) return `from ${seconds(startMs)}, without an end`;
  return `${seconds(startMs)} to ${seconds(endMs)} (${(endMs - startMs).toFixed(2)} ms)`;
}

function describeMessage({ timeline }: View, i: number): string {
  const { members, messages } = timeline;
  const [sentMs, receivedMs, lostBy] = [messages.sentMs[i]!, messages.receivedMs[i]!, messages.lostBy[i]!];
  const times =
    receivedMs === null
      ? `sent at ${seconds(sentMs)}, not received: ${messages.causes[lostBy]}`
      : span(sentMs, receivedMs);
  const reject = messages.isReject[i] === 1 ? ", rejected" : "";
  return [
    `${messages.types[messages.type[i]!]}${reject}: ${members[messages.from[i]!]} to ${members[messages.to[i]!]}`,
    times,
    `term ${messages.term[i]}, index ${messages.index[i]}, log term ${messages.logTerm[i]}, ` +
      `commit ${messages.commit[i]}, entries ${messages.entries[i]}`,
  ].join("\n");
}

function describeMember(view: View, member: number, atMs: number): string {
  const state = stateAt(view, member, atMs);
  if (state === undefined) return `${view.timeline.members[member]} at ${seconds(atMs)}`;
  const { role, term, progress, isPaused, isServing } = state;
  const head = `${view.timeline.members[member]} at ${seconds(atMs)}: ${role}`;
  if (role === "down" || role === "starting") return head;
  return [
    `${head}, term ${term}${isPaused ? ", paused" : ""}${isServing ? "" : ", not serving yet"}`,
    progress === undefined
      ? ""
      : `last index ${progress.lastIndex}, committed ${progress.committed}, applied ${progress.applied}`,
  ].join("\n");
}

/** What a member was at a time; undefined before its first start. */
export function stateAt(view: View, member: number, atMs: number) {
  const states = view.states[member]!;
  const state = states[lastAt(states, atMs)];
  if (state === undefined) return undefined;
  const progress = view.progress[member]!;
  const isDuring = ({ member: of, startMs, endMs }: MemberSpan) =>
    of === member && startMs <= atMs && atMs < (endMs ?? Number.POSITIVE_INFINITY);
  const life = view.timeline.lives.find(isDuring);
  return {
    ...state,
    progress: progress[lastAt(progress, atMs)],
    isPaused: view.timeline.pauses.some(isDuring),
    isServing: life !== undefined && life.servingMs !== null && life.servingMs <= atMs,
  };
}

interface MemberSpan {
  readonly member: number;
  readonly startMs: number;
  readonly endMs: number | null;
}
