import { decode, encode } from "@quorate/wire";
import { type Permission, type Role, RoleSchema, type User, UserSchema } from "@quorate/wire/authpb";
import { isFromKey } from "../keys/key-range.ts";
import { patternSort } from "./pattern-sort.ts";

/** `authpb.Permission.Type`. */
export const PermissionType = { READ: 0, WRITE: 1, READWRITE: 2 } as const;

/** Users and roles as they are stored: encoded, so that nobody changes one that others look at. */
export function encodeUser(user: Pick<User, "name" | "password" | "roles" | "options">): Uint8Array {
  return encode(UserSchema, user);
}

export function decodeUser(value: Uint8Array): User {
  return decode(UserSchema, value);
}

export function encodeRole(role: Pick<Role, "name" | "keyPermission">): Uint8Array {
  return encode(RoleSchema, role);
}

export function decodeRole(value: Uint8Array): Role {
  return decode(RoleSchema, value);
}

/** In the order of their bytes, as lists of names are stored and told. */
export function sortedNames(names: Iterable<string>): string[] {
  return [...names]
    .map((name) => ({ name, bytes: Buffer.from(name) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ name }) => name);
}

/** Whether a permission may be granted for these keys. */
export function isGrantable(key: Uint8Array, rangeEnd: Uint8Array): boolean {
  if (key.length === 0) return false;
  return rangeEnd.length === 0 || isFromKey(rangeEnd) || Buffer.compare(key, rangeEnd) < 0;
}

/**
 * The permissions of a role after one more is granted. Only the first one of its key is looked at: if that is for the same
 * keys its type changes, otherwise there is one more, also where a later one is for the same keys.
 */
export function withPermission(granted: readonly Permission[], added: Permission): Permission[] {
  const at = granted.findIndex(({ key }) => Buffer.compare(key, added.key) >= 0);
  const found = granted[at];
  if (found !== undefined && isSameKeys(found, added)) return granted.with(at, added);
  const permissions = [...granted, added];
  patternSort(permissions, (a, b) => Buffer.compare(a.key, b.key) < 0);
  return permissions;
}

export function isSameKeys(
  a: Pick<Permission, "key" | "rangeEnd">,
  b: Pick<Permission, "key" | "rangeEnd">,
): boolean {
  return Buffer.compare(a.key, b.key) === 0 && Buffer.compare(a.rangeEnd, b.rangeEnd) === 0;
}
