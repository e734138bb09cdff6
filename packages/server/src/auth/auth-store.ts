import type { Backend } from "@quorate/storage/seams/backend";
import type { Permission, Role, User } from "@quorate/wire/authpb";
import { RequestError } from "../errors.ts";
import type { KeyInterval } from "./interval-tree.ts";
import { intervalOf, KeyIntervals } from "./key-intervals.ts";
import {
  decodeRole,
  decodeUser,
  encodeRole,
  encodeUser,
  isGrantable,
  isSameKeys,
  PermissionType,
  sortedNames,
  withPermission,
} from "./records.ts";

/** Of a cluster in which nobody has touched users and roles. */
const FIRST_REVISION = 1;
/** The user and the role that may do everything. */
export const ROOT = "root";

const ENABLED_KEY = Buffer.from("authEnabled");
const REVISION_KEY = Buffer.from("authRevision");
const ENABLED = 1;
const DISABLED = 0;
const NO_KEYS = new Uint8Array(0);
/** What role root may do, whatever is stored of it: everything. */
const EVERYTHING = { permType: PermissionType.READWRITE, key: NO_KEYS, rangeEnd: Uint8Array.of(0) };

/** What a user may read and write. */
export interface GrantedKeys {
  /** Everything, whatever else is said. */
  readonly isRoot: boolean;
  readonly read: KeyIntervals;
  readonly write: KeyIntervals;
}

/** What of a permission is asked for and told. */
export type PermissionFields = Pick<Permission, "permType" | "key" | "rangeEnd">;

/** A user that is to be added; `hash` is empty for one that has no password. */
export interface NewUser {
  readonly name: string;
  readonly hash: Uint8Array;
  readonly options: User["options"];
}

/**
 * Users, roles and what they may do: state that entries change, in tables `auth`, `authUsers` and `authRoles` as members of
 * etcd keep it. Every method that changes something throws RequestError, and changes nothing, when it is refused. All
 * members decide alike: nothing here depends on anything but the state and the arguments.
 */
export class AuthStore {
  readonly #backend: Backend;
  /** By name; both are replaced and never changed. */
  readonly #users = new Map<string, User>();
  readonly #roles = new Map<string, Role>();
  /** Of the users that have asked since the last change. */
  readonly #granted = new Map<string, GrantedKeys>();
  /** Who has asked last, and what was answered: one operation after another is often of the same user. */
  #lastName: string | undefined = undefined;
  #lastGranted: GrantedKeys | undefined = undefined;
  /** Nobody may do anything without saying who they are. */
  isEnabled = false;
  /** Counts the changes; tokens and log entries name the one that they were made at. */
  revision = FIRST_REVISION;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Reads everything from the database: at a start, and when a snapshot has replaced it. Returns whether there have been
   * changes since what was known.
   */
  restore(): boolean {
    const { revision: before } = this;
    this.#users.clear();
    this.#roles.clear();
    this.#forgetGranted();
    for (const [name, value] of this.#backend.entries("authUsers")) {
      this.#users.set(textOf(name), decodeUser(value));
    }
    for (const [name, value] of this.#backend.entries("authRoles")) {
      this.#roles.set(textOf(name), decodeRole(value));
    }
    const enabled = this.#backend.get("auth", ENABLED_KEY);
    this.isEnabled = enabled?.length === 1 && enabled[0] === ENABLED;
    const revision = this.#backend.get("auth", REVISION_KEY);
    this.revision = (revision === undefined ? 0 : decodeRevision(revision)) || FIRST_REVISION;
    return this.revision !== before;
  }

  // What is asked.

  /** Undefined when there is no such user. */
  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  isRoot(name: string): boolean {
    return this.#users.get(name)?.roles.includes(ROOT) === true;
  }

  hasRole(name: string, role: string): boolean {
    return this.#users.get(name)?.roles.includes(role) === true;
  }

  /** The union of what the roles of a user may do; undefined when there is no such user. Hot. */
  grantedTo(name: string): GrantedKeys | undefined {
    if (name === this.#lastName) return this.#lastGranted;
    const user = this.#users.get(name);
    if (user === undefined) return undefined;
    let granted = this.#granted.get(name);
    if (granted === undefined) {
      granted = this.#unionOf(user.roles);
      this.#granted.set(name, granted);
    }
    this.#lastName = name;
    this.#lastGranted = granted;
    return granted;
  }

  userNames(): string[] {
    return sortedNames(this.#users.keys());
  }

  roleNames(): string[] {
    return sortedNames(this.#roles.keys());
  }

  rolesOf(name: string): readonly string[] {
    return this.#userNamed(name).roles;
  }

  permissionsOf(role: string): readonly PermissionFields[] {
    const { keyPermission } = this.#roleNamed(role);
    return role === ROOT ? [EVERYTHING] : keyPermission;
  }

  // What entries change.

  /** Is no change that is counted. */
  enable(): void {
    if (this.isEnabled) return;
    const root = this.#users.get(ROOT);
    if (root === undefined) throw new RequestError("ROOT_USER_MISSING");
    if (!root.roles.includes(ROOT)) throw new RequestError("ROOT_ROLE_MISSING");
    this.#setEnabled(true);
  }

  disable(): void {
    if (!this.isEnabled) return;
    this.#setEnabled(false);
    this.#changed();
  }

  addUser({ name, hash, options }: NewUser): void {
    if (name === "") throw new RequestError("USER_NAME_EMPTY");
    if (this.#users.has(name)) throw new RequestError("USER_EXISTS");
    this.#putUser({ name: Buffer.from(name), password: hash, roles: [], options });
    this.#changed();
  }

  deleteUser(name: string): void {
    if (this.isEnabled && name === ROOT) throw new RequestError("INVALID_AUTH_MGMT");
    this.#userNamed(name);
    this.#users.delete(name);
    this.#backend.delete("authUsers", Buffer.from(name));
    this.#changed();
  }

  /** `hashOf` gives the hash of the new password, or throws; it is not asked for a user that has none. */
  changePassword(name: string, hashOf: () => Uint8Array): void {
    const user = this.#userNamed(name);
    const password = user.options?.noPassword === true ? NO_KEYS : hashOf();
    this.#putUser({ ...user, password });
    this.#changed();
  }

  grantRole(name: string, role: string): void {
    const user = this.#userNamed(name);
    if (role !== ROOT) this.#roleNamed(role);
    if (user.roles.includes(role)) return;
    this.#putUser({ ...user, roles: sortedNames([...user.roles, role]) });
    this.#changed();
  }

  revokeRole(name: string, role: string): void {
    if (this.isEnabled && name === ROOT && role === ROOT) throw new RequestError("INVALID_AUTH_MGMT");
    const user = this.#userNamed(name);
    if (!user.roles.includes(role)) throw new RequestError("ROLE_NOT_GRANTED");
    this.#putUser({ ...user, roles: user.roles.filter((held) => held !== role) });
    this.#changed();
  }

  addRole(name: string): void {
    if (name === "") throw new RequestError("ROLE_NAME_EMPTY");
    if (this.#roles.has(name)) throw new RequestError("ROLE_EXISTS");
    this.#putRole({ name: Buffer.from(name), keyPermission: [] });
    this.#changed();
  }

  /** Takes it from all who hold it, too. */
  deleteRole(name: string): void {
    if (this.isEnabled && name === ROOT) throw new RequestError("INVALID_AUTH_MGMT");
    this.#roleNamed(name);
    this.#roles.delete(name);
    this.#backend.delete("authRoles", Buffer.from(name));
    for (const user of [...this.#users.values()]) {
      if (user.roles.includes(name)) {
        this.#putUser({ ...user, roles: user.roles.filter((held) => held !== name) });
      }
    }
    this.#changed();
  }

  grantPermission(name: string, permission: Permission | undefined): void {
    if (permission === undefined) throw new RequestError("PERMISSION_NOT_GIVEN");
    if (!isGrantable(permission.key, permission.rangeEnd)) throw new RequestError("INVALID_AUTH_MGMT");
    const role = this.#roleNamed(name);
    this.#putRole({ ...role, keyPermission: withPermission(role.keyPermission, permission) });
    this.#changed();
  }

  /** All of exactly these keys. */
  revokePermission(name: string, keys: Pick<Permission, "key" | "rangeEnd">): void {
    const role = this.#roleNamed(name);
    const keyPermission = role.keyPermission.filter((granted) => !isSameKeys(granted, keys));
    if (keyPermission.length === role.keyPermission.length) throw new RequestError("PERMISSION_NOT_GRANTED");
    this.#putRole({ ...role, keyPermission });
    this.#changed();
  }

  #userNamed(name: string): User {
    const user = this.#users.get(name);
    if (user === undefined) throw new RequestError("USER_NOT_FOUND");
    return user;
  }

  #roleNamed(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw new RequestError("ROLE_NOT_FOUND");
    return role;
  }

  /** What is kept are views on the record's own bytes, not on the entry that it came in. */
  #putUser(user: Pick<User, "name" | "password" | "roles" | "options">): void {
    const value = encodeUser(user);
    this.#users.set(textOf(user.name), decodeUser(value.slice()));
    this.#backend.put("authUsers", Buffer.from(user.name), value);
  }

  #putRole(role: Pick<Role, "name" | "keyPermission">): void {
    const value = encodeRole(role);
    this.#roles.set(textOf(role.name), decodeRole(value.slice()));
    this.#backend.put("authRoles", Buffer.from(role.name), value);
  }

  #setEnabled(isEnabled: boolean): void {
    this.isEnabled = isEnabled;
    this.#backend.put("auth", Buffer.from(ENABLED_KEY), Buffer.of(isEnabled ? ENABLED : DISABLED));
  }

  #changed(): void {
    this.revision += 1;
    this.#forgetGranted();
    this.#backend.put("auth", Buffer.from(REVISION_KEY), encodeRevision(this.revision));
  }

  #forgetGranted(): void {
    this.#granted.clear();
    this.#lastName = undefined;
    this.#lastGranted = undefined;
  }

  #unionOf(roles: readonly string[]): GrantedKeys {
    const read: KeyInterval[] = [];
    const write: KeyInterval[] = [];
    for (const name of roles) {
      for (const { permType, key, rangeEnd } of this.#roles.get(name)?.keyPermission ?? []) {
        const interval = intervalOf(key, rangeEnd);
        const isBoth = permType === PermissionType.READWRITE;
        if (isBoth || permType === PermissionType.READ) read.push(interval);
        if (isBoth || permType === PermissionType.WRITE) write.push(interval);
      }
    }
    return {
      isRoot: roles.includes(ROOT),
      read: new KeyIntervals(read),
      write: new KeyIntervals(write),
    };
  }
}

function textOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.length).toString();
}

function encodeRevision(revision: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(revision));
  return bytes;
}

function decodeRevision(bytes: Uint8Array): number {
  return Number(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readBigUInt64BE());
}
