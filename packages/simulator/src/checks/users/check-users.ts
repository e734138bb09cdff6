import type { MemberParts } from "@quorate/server/simulation";
import type { UserCall } from "../../clients/session.ts";
import type { History } from "../history.ts";
import { checkCalls } from "./check-calls.ts";
import { compareUsers, decideEntries } from "./check-entries.ts";

/** What is counted of a run in which nobody was seen to have some entry: few of them, or the check says nothing. */
export const UNSEEN_ENTRY = "users not judged to the end, as an entry was not seen";

/** A member as it is in the end. */
export interface FinalMember {
  readonly name: string;
  readonly parts: MemberParts;
}

/**
 * Whether users could do what they were allowed, and nothing else; `ttlMs` is that of simple tokens. Behind an entry that
 * nobody was seen to have nothing is judged. Returns what is wrong, and counts with `count`.
 */
export function checkUsers(
  history: History,
  calls: readonly UserCall[],
  members: readonly FinalMember[],
  ttlMs: number | undefined,
  count: (what: string) => void,
): string[] {
  const { decisions, wrong, unseenIndex } = decideEntries(history);
  if (unseenIndex !== undefined) count(UNSEEN_ENTRY);
  if (wrong.length > 0) return wrong;
  for (const { error } of calls) if (error) count(`users told: ${error}`);
  if (unseenIndex === undefined) {
    const known = members.flatMap(({ name, parts }) => compareUsers(name, parts, decisions.users));
    return [...checkCalls(calls, decisions, ttlMs), ...known];
  }
  const early = calls.filter(
    ({ endIndex, memberIndex }) => Math.max(endIndex ?? 0, memberIndex) < unseenIndex,
  );
  return checkCalls(early, decisions, ttlMs);
}
