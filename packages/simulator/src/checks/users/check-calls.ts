import { decode } from "@quorate/wire";
import { RangeRequestSchema } from "@quorate/wire/etcdserverpb";
import type { UserCall } from "../../clients/session.ts";
import { passwordHash } from "../../world/simulated-cryptography.ts";
import { type Decisions, entryKey } from "./check-entries.ts";
import { ACCESS, textOf, type UsersState, whyNoAccess } from "./users-state.ts";

const DENIED = "etcdserver: permission denied";
const NO_NAME = "etcdserver: user name is empty";
const NO_TOKEN = "etcdserver: invalid auth token";
const OLD = "etcdserver: revision of auth store is old";
const NO_LOGIN = "etcdserver: authentication failed, invalid user ID or password";
/** Calls that are entries of the log, byte for byte. */
const LOGGED: readonly string[] = ["KV/Put", "KV/DeleteRange", "KV/Txn", "Lease/LeaseRevoke"];
/** Of its time to live a token has that for certain, whatever clocks are like. */
const CERTAIN_TTL = 0.8;

type EndedCall = UserCall & { readonly endIndex: number; readonly error: string };

/**
 * Whether users got the answers of calls that they may have got, by what they were allowed at some moment while each was under
 * way. `ttlMs`: of simple tokens; undefined for others. Returns what is wrong.
 */
export function checkCalls(
  calls: readonly UserCall[],
  decisions: Decisions,
  ttlMs: number | undefined,
): string[] {
  const wrong: string[] = [];
  for (const call of calls) {
    // Somebody who has hung up, or asked somebody who has gone, was told nothing.
    if (call.endIndex === undefined || call.error === undefined) continue;
    const problem = problemOf(call as EndedCall, decisions, ttlMs);
    if (problem === undefined) continue;
    const { user, member, method, floorIndex, memberIndex, endIndex, error, request } = call;
    const asked = `${user} asked ${member} for ${method} (${JSON.stringify(textOf(request))})`;
    wrong.push(
      `${asked} from entry ${floorIndex} (${memberIndex} there) to ${endIndex} and got "${error}": ${problem}`,
    );
  }
  return wrong;
}

function problemOf(call: EndedCall, decisions: Decisions, ttlMs: number | undefined): string | undefined {
  const { error, method, password } = call;
  if (password !== undefined) return loginProblem(call, decisions, password);
  switch (error) {
    case "":
      return deadTokenProblem(call, decisions) ?? answeredProblem(call, decisions);
    case DENIED:
      if (call.user === "root") return "root may do everything";
      return LOGGED.includes(method)
        ? isInLog(call, decisions, "permission denied")
        : deniedReadProblem(call, decisions);
    case NO_NAME:
      if (call.token === undefined || isInLog(call, decisions, "user name is empty") === undefined) {
        return sometimes(call, decisions, ({ isEnabled }) => isEnabled, "it need not say who it is");
      }
      return sometimes(call, decisions, ({ isEnabled }) => !isEnabled, "it has said who it is");
    case OLD:
      return oldProblem(call, decisions);
    case NO_TOKEN:
      return noTokenProblem(call, decisions, ttlMs);
    default:
      return undefined;
  }
}

/** Only who knows the password that is in force gets a token, and whoever knows it gets one. */
function loginProblem(call: EndedCall, decisions: Decisions, password: string): string | undefined {
  const hash = Buffer.from(passwordHash(password)).toString("base64");
  const isRight = (state: UsersState) => state.users.get(call.user)?.hash === hash;
  if (call.error === NO_LOGIN) {
    return sometimes(call, decisions, (state) => !isRight(state), "the password is right");
  }
  if (call.error !== "") return undefined;
  const index = simpleIndex(call.given);
  const isGiven =
    index === undefined ? statesOf(call, decisions).some(isRight) : isRight(decisions.after[index]!);
  return isGiven ? undefined : "the password is wrong";
}

/** A token that its member knows to be none proves nothing. */
function deadTokenProblem(
  { token, memberIndex, endIndex, user }: EndedCall,
  decisions: Decisions,
): string | undefined {
  const index = simpleIndex(token);
  if (index === undefined || !isDropped(decisions, user, index + 1, memberIndex)) return undefined;
  for (let i = memberIndex; i <= endIndex; i++) if (decisions.after[i]?.isEnabled === false) return undefined;
  return "its token was dropped before";
}

function answeredProblem(call: EndedCall, decisions: Decisions): string | undefined {
  if (LOGGED.includes(call.method)) return isInLog(call, decisions, undefined);
  if (call.method !== "KV/Range") return undefined;
  return sometimes(call, decisions, (state) => whyNoRead(call, state) === undefined, "it may not read that");
}

function deniedReadProblem(call: EndedCall, decisions: Decisions): string | undefined {
  if (call.method !== "KV/Range") return undefined;
  const isDenied = (state: UsersState) => whyNoRead(call, state) === "permission denied";
  return sometimes(call, decisions, isDenied, "it may read that");
}

/** Something has changed since the token was made, or since who it is of was found out. */
function oldProblem(call: EndedCall, decisions: Decisions): string | undefined {
  const claimed = claimedRevision(call.token);
  const states = statesOf({ ...call, floorIndex: Math.min(call.floorIndex, call.memberIndex) }, decisions);
  const isOld =
    claimed === undefined
      ? new Set(states.map(({ revision }) => revision)).size > 1
      : states.some(({ revision }) => revision !== claimed);
  return isOld ? undefined : "nothing has changed";
}

function noTokenProblem(
  call: EndedCall,
  decisions: Decisions,
  ttlMs: number | undefined,
): string | undefined {
  if (call.token === undefined) return "it has no token";
  const index = simpleIndex(call.token);
  if (index === undefined || ttlMs === undefined || call.usedMs === undefined) return undefined;
  if (call.usedMs > CERTAIN_TTL * ttlMs || isDropped(decisions, call.user, index + 1, call.endIndex))
    return undefined;
  return `its token was taken ${call.usedMs.toFixed(0)} ms before`;
}

/** Whether an entry from `from` to `to` took all tokens from a user. */
function isDropped({ after }: Decisions, user: string, from: number, to: number): boolean {
  for (let i = from; i <= to; i++) {
    const [before, then] = [after[i - 1], after[i]];
    if (before === undefined || then === undefined || before === then) continue;
    if (before.isEnabled && !then.isEnabled) return true;
    if (before.users.get(user)?.hash !== then.users.get(user)?.hash) return true;
  }
  return false;
}

function isInLog(
  { user, request, floorIndex, endIndex }: EndedCall,
  { entries }: Decisions,
  refusal: string | undefined,
): string | undefined {
  const found = [user, ""].flatMap((name) => entries.get(entryKey(name, request)) ?? []);
  const isThere = found.some(
    (entry) => entry.index > floorIndex && entry.index <= endIndex && entry.refusal === refusal,
  );
  return isThere ? undefined : `no entry says so: ${JSON.stringify(found)}`;
}

function whyNoRead({ user, token, request }: EndedCall, state: UsersState): string | undefined {
  const { key, rangeEnd } = decode(RangeRequestSchema, request);
  const authRevision = token === undefined ? 0 : (claimedRevision(token) ?? state.revision);
  return whyNoAccess(state, { username: user, authRevision }, ACCESS.read, textOf(key), textOf(rangeEnd));
}

function sometimes(
  call: EndedCall,
  decisions: Decisions,
  holds: (state: UsersState) => boolean,
  otherwise: string,
): string | undefined {
  return statesOf(call, decisions).some(holds) ? undefined : otherwise;
}

/** What users and roles were while the call was under way, where it was answered. */
function statesOf(call: EndedCall, { after }: Decisions): UsersState[] {
  const { method, request, floorIndex, memberIndex, endIndex } = call;
  const isLocal =
    method === "KV/Range" ? decode(RangeRequestSchema, request).serializable : method !== "Auth/Authenticate";
  const from = isLocal ? Math.min(memberIndex, floorIndex) : floorIndex;
  const states: UsersState[] = [];
  for (let i = from; i <= endIndex; i++) {
    const state = after[i];
    if (state !== undefined && state !== states.at(-1)) states.push(state);
  }
  return states;
}

/** Of the entry before that of a simple token; undefined for another one. */
function simpleIndex(token: string | undefined): number | undefined {
  const [, index, more] = token?.split(".") ?? [];
  return index === undefined || more !== undefined ? undefined : Number(index);
}

/** What a signed token says; undefined for another one. */
function claimedRevision(token: string | undefined): number | undefined {
  const [, claims, signature] = token?.split(".") ?? [];
  if (claims === undefined || signature === undefined) return undefined;
  return (JSON.parse(Buffer.from(claims, "base64url").toString()) as { revision: number }).revision;
}
