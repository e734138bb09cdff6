import { EntryType } from "@quorate/raft";
import type { MemberParts } from "@quorate/server/simulation";
import { decodeInternalRequest } from "@quorate/wire/hot";
import type { History } from "../history.ts";
import { StateModel } from "./state-model.ts";
import { FIRST_USERS, type Refusal, textOf, type UsersState } from "./users-state.ts";

/** What somebody asked for in an entry, and what became of it. */
export interface DecidedEntry {
  readonly index: number;
  readonly refusal: Refusal | undefined;
}

/** What all entries came to, in their order, as users and what they may do were then. */
export interface Decisions {
  /** By index, users and roles behind an entry. */
  readonly after: readonly UsersState[];
  /** By user and request: see `entryKey`. */
  readonly entries: ReadonlyMap<string, readonly DecidedEntry[]>;
  readonly users: UsersState;
}

export function entryKey(user: string, body: Uint8Array): string {
  return `${user}\n${textOf(body)}`;
}

/**
 * Goes through the log with a model and compares what the members came to behind each entry: nothing may have happened that its
 * user was not allowed when it was applied, and nothing may have been refused that was allowed. `wrong` is what is wrong.
 * The decisions end before `unseenIndex`, the first entry that nobody was seen to have, if there is one.
 */
export function decideEntries(history: History): {
  readonly decisions: Decisions;
  readonly wrong: string[];
  readonly unseenIndex: number | undefined;
} {
  const model = new StateModel();
  const after: UsersState[] = [FIRST_USERS];
  const entries = new Map<string, DecidedEntry[]>();
  const wrong: string[] = [];
  let unseenIndex: number | undefined;
  for (let index = 1; index <= history.lastIndex && wrong.length === 0; index++) {
    const entry = history.entry(index);
    // Who applied it ended at once, and the others got a snapshot: what came of it nobody saw.
    if (entry === undefined) {
      unseenIndex = index;
      break;
    }
    const { data, type } = entry;
    if (type === EntryType.EntryNormal && data.length > 0) {
      const refusal = model.apply(data);
      const { username, body, field } = decodeInternalRequest(data);
      const key = entryKey(username, body);
      const decided = { index, refusal };
      const others = entries.get(key);
      if (others === undefined) entries.set(key, [decided]);
      else others.push(decided);
      const problem = problemOf(model, history.stateAfter(index), refusal);
      if (problem !== undefined)
        wrong.push(`entry ${index} of ${username || "nobody"} (field ${field}) ${problem}`);
    }
    after.push(model.users);
  }
  return { decisions: { after, entries, users: model.users }, wrong, unseenIndex };
}

function problemOf(
  { revision, users }: StateModel,
  seen: ReturnType<History["stateAfter"]>,
  refusal: Refusal | undefined,
): string | undefined {
  // Whoever applied it was gone before it could be looked at, or applied no other one behind it.
  if (seen === undefined) return undefined;
  const expected = `${revision}, users at ${users.revision}`;
  const found = `${seen.revision}, users at ${seen.usersRevision}`;
  if (expected === found && users.isEnabled === seen.isRestricted) return undefined;
  const why = refusal === undefined ? "is allowed" : `is refused (${refusal})`;
  return `${why}, and leads to revision ${expected}, enabled: ${users.isEnabled}; it led to ${found}, enabled: ${seen.isRestricted}`;
}

/** Whether a member knows the users and roles that it must in the end. Returns what is wrong. */
export function compareUsers(name: string, { context: { auth } }: MemberParts, users: UsersState): string[] {
  const names = (map: ReadonlyMap<string, unknown>) => [...map.keys()].sort();
  const known = {
    users: auth.userNames().map((user) => {
      const hash = Buffer.from(auth.user(user)!.password).toString("base64");
      return { user, roles: [...auth.rolesOf(user)], hash };
    }),
    roles: auth.roleNames().map((role) => {
      const granted = auth.permissionsOf(role).map(({ permType, key, rangeEnd }) => {
        return `${permType} ${textOf(key)} ${textOf(rangeEnd)}`;
      });
      return { role, granted };
    }),
  };
  const right = {
    users: names(users.users).map((user) => {
      const { roles, hash } = users.users.get(user)!;
      return { user, roles: roles.toSorted(), hash };
    }),
    roles: names(users.roles).map((role) => {
      return { role, granted: users.roles.get(role)!.map(({ type, key, end }) => `${type} ${key} ${end}`) };
    }),
  };
  const [a, b] = [JSON.stringify(known), JSON.stringify(right)];
  return a === b ? [] : [`${name} knows other users: ${a} instead of ${b}`];
}
