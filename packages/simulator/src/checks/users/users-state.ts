import { decode } from "@quorate/wire";
import {
  AuthRoleAddRequestSchema,
  AuthRoleDeleteRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthRoleRevokePermissionRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserDeleteRequestSchema,
  AuthUserGrantRoleRequestSchema,
  AuthUserRevokeRoleRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";

/** In whose name an entry is. */
export interface EntryCaller {
  readonly username: string;
  readonly authRevision: number;
}

export type Refusal =
  | "permission denied"
  | "user name is empty"
  | "user name not found"
  | "revision of auth store is old"
  | "of another kind";

/** Keys are texts of a character for each byte. */
interface Grant {
  /** 0: read, 1: write, 2: both. */
  readonly type: number;
  readonly key: string;
  readonly end: string;
}

interface UserRecord {
  readonly hash: string;
  readonly roles: readonly string[];
}

/** Users and roles after an entry; never changed, but followed by the next one. */
export interface UsersState {
  readonly isEnabled: boolean;
  readonly revision: number;
  readonly users: ReadonlyMap<string, UserRecord>;
  readonly roles: ReadonlyMap<string, readonly Grant[]>;
}

export const FIRST_USERS: UsersState = { isEnabled: false, revision: 1, users: new Map(), roles: new Map() };

const ROOT = "root";
/** Behind all keys. */
const NO_END = "\uffff";
const { READ, WRITE, BOTH } = { READ: 0, WRITE: 1, BOTH: 2 } as const;
export type Access = typeof READ | typeof WRITE;
export const ACCESS = { read: READ, write: WRITE } as const;

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Why `caller` may not access these keys; `end` is empty for one key, and a zero character for all from `key` on. */
export function whyNoAccess(
  state: UsersState,
  { username, authRevision }: EntryCaller,
  access: Access,
  key: string,
  end: string,
): Refusal | undefined {
  if (!state.isEnabled) return undefined;
  if (authRevision === 0) return "user name is empty";
  if (authRevision < state.revision) return "revision of auth store is old";
  const user = state.users.get(username);
  if (user === undefined) return "permission denied";
  if (user.roles.includes(ROOT)) return undefined;
  const wanted = intervalOf(key, end);
  let covered = wanted.key;
  const granted = user.roles
    .flatMap((role) => state.roles.get(role) ?? [])
    .filter(({ type }) => type === BOTH || type === access)
    .map((grant) => intervalOf(grant.key, grant.end))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const interval of granted) {
    if (interval.key <= covered && interval.end > covered) covered = interval.end;
  }
  return covered >= wanted.end ? undefined : "permission denied";
}

function whyNoAdministrator(state: UsersState, { username }: EntryCaller): Refusal | undefined {
  if (!state.isEnabled) return undefined;
  if (username === "") return "user name is empty";
  const user = state.users.get(username);
  if (user === undefined) return "user name not found";
  return user.roles.includes(ROOT) ? undefined : "permission denied";
}

/** The state behind an entry that changes users or roles, or why it changes nothing; undefined for another kind of entry. */
export function afterChange(
  state: UsersState,
  field: number,
  body: Uint8Array,
  caller: EntryCaller,
): UsersState | Refusal | undefined {
  const change = CHANGES.get(field);
  if (change === undefined) return undefined;
  const refusal = whyNoAdministrator(state, caller);
  if (refusal !== undefined) return refusal;
  const next = change(state, body);
  if (next === undefined) return "of another kind";
  return "same" in next ? state : { ...state, ...next };
}

type Next = Partial<UsersState> | { readonly same: true } | undefined;
const SAME = { same: true } as const;

/** By field of the entry. Each gives what is another one then; undefined: it is refused. */
const CHANGES = new Map<number, (state: UsersState, body: Uint8Array) => Next>([
  [
    InternalField.authEnable,
    ({ users }) => (users.get(ROOT)?.roles.includes(ROOT) === true ? { isEnabled: true } : undefined),
  ],
  [
    InternalField.authDisable,
    (state) => (state.isEnabled ? { isEnabled: false, revision: state.revision + 1 } : SAME),
  ],
  [
    InternalField.authUserAdd,
    (state, body) => {
      const { name, hashedPassword } = decode(AuthUserAddRequestSchema, body);
      return state.users.has(name) ? undefined : withUser(state, name, { hash: hashedPassword, roles: [] });
    },
  ],
  [
    InternalField.authUserDelete,
    (state, body) => {
      const { name } = decode(AuthUserDeleteRequestSchema, body);
      if (!state.users.has(name) || (state.isEnabled && name === ROOT)) return undefined;
      const users = new Map(state.users);
      users.delete(name);
      return { users, revision: state.revision + 1 };
    },
  ],
  [
    InternalField.authUserChangePassword,
    (state, body) => {
      const { name, hashedPassword } = decode(AuthUserChangePasswordRequestSchema, body);
      const user = state.users.get(name);
      return user && withUser(state, name, { ...user, hash: hashedPassword });
    },
  ],
  [
    InternalField.authUserGrantRole,
    (state, body) => {
      const { user: name, role } = decode(AuthUserGrantRoleRequestSchema, body);
      const user = state.users.get(name);
      if (user === undefined || (role !== ROOT && !state.roles.has(role))) return undefined;
      return user.roles.includes(role)
        ? SAME
        : withUser(state, name, { ...user, roles: [...user.roles, role] });
    },
  ],
  [
    InternalField.authUserRevokeRole,
    (state, body) => {
      const { name, role } = decode(AuthUserRevokeRoleRequestSchema, body);
      const user = state.users.get(name);
      if (state.isEnabled && name === ROOT && role === ROOT) return undefined;
      return user?.roles.includes(role) === true ? withUser(state, name, withoutRole(user, role)) : undefined;
    },
  ],
  [
    InternalField.authRoleAdd,
    (state, body) => {
      const { name } = decode(AuthRoleAddRequestSchema, body);
      return state.roles.has(name) ? undefined : withRole(state, name, []);
    },
  ],
  [
    InternalField.authRoleDelete,
    (state, body) => {
      const { role } = decode(AuthRoleDeleteRequestSchema, body);
      if (!state.roles.has(role)) return undefined;
      const roles = new Map(state.roles);
      roles.delete(role);
      const users = new Map([...state.users].map(([name, user]) => [name, withoutRole(user, role)]));
      return { roles, users, revision: state.revision + 1 };
    },
  ],
  [
    InternalField.authRoleGrantPermission,
    (state, body) => {
      const { name, perm } = decode(AuthRoleGrantPermissionRequestSchema, body);
      const grants = state.roles.get(name);
      if (grants === undefined || perm === undefined) return undefined;
      const grant = { type: perm.permType, key: textOf(perm.key), end: textOf(perm.rangeEnd) };
      return withRole(state, name, withGrant(grants, grant));
    },
  ],
  [
    InternalField.authRoleRevokePermission,
    (state, body) => {
      const { role, key, rangeEnd } = decode(AuthRoleRevokePermissionRequestSchema, body);
      const grants = state.roles.get(role);
      const kept = grants?.filter((grant) => grant.key !== textOf(key) || grant.end !== textOf(rangeEnd));
      return kept === undefined || kept.length === grants!.length ? undefined : withRole(state, role, kept);
    },
  ],
]);

/** Of those of one key only the first one is looked at: where it has another end there is one more, be it twice the same. */
function withGrant(grants: readonly Grant[], added: Grant): readonly Grant[] {
  const at = grants.findIndex(({ key }) => key >= added.key);
  const found = grants[at];
  if (found?.key === added.key && found.end === added.end) return grants.with(at, added);
  return [...grants, added].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function withUser(state: UsersState, name: string, user: UserRecord): Partial<UsersState> {
  return { users: new Map(state.users).set(name, user), revision: state.revision + 1 };
}

function withRole(state: UsersState, name: string, grants: readonly Grant[]): Partial<UsersState> {
  return { roles: new Map(state.roles).set(name, grants), revision: state.revision + 1 };
}

function withoutRole(user: UserRecord, role: string): UserRecord {
  return { ...user, roles: user.roles.filter((held) => held !== role) };
}

function intervalOf(key: string, end: string): { readonly key: string; readonly end: string } {
  if (end === "") return { key, end: `${key}\0` };
  return { key, end: end === "\0" ? NO_END : end };
}
