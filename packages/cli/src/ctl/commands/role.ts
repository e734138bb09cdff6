import { PermissionType, prefixEnd } from "@quorate/client";
import {
  AuthRoleAddResponse,
  AuthRoleDeleteResponse,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionResponse,
  AuthRoleListResponse,
  AuthRoleRevokePermissionResponse,
  type Permission,
} from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { quote } from "../../go-text/quote.ts";
import { type Printable, print } from "../output/display.ts";
import type { Simple } from "../output/simple.ts";
import { connect } from "../session/connect.ts";
import { changeResult, NO_DEADLINE, oneName } from "./auth-results.ts";
import { permissionRange } from "./permission-range.ts";

export async function add(invocation: Invocation): Promise<void> {
  const name = oneName(invocation, "role add command requires role name as its argument");
  const { client, display } = await connect(invocation);
  const response = await client.auth.addRole({ name }, NO_DEADLINE).catch(fail);
  await print(display, changeResult(AuthRoleAddResponse, response, `Role ${name} created`));
}

export async function remove(invocation: Invocation): Promise<void> {
  const role = oneName(invocation, "role delete command requires role name as its argument");
  const { client, display } = await connect(invocation);
  const response = await client.auth.deleteRole({ role }, NO_DEADLINE).catch(fail);
  await print(display, changeResult(AuthRoleDeleteResponse, response, `Role ${role} deleted`));
}

export async function get(invocation: Invocation): Promise<void> {
  const role = oneName(invocation, "role get command requires role name as its argument");
  const { client, display } = await connect(invocation);
  const response = await client.auth.getRole({ role }, NO_DEADLINE).catch(fail);
  await print(display, roleResult(role, response));
}

export async function list(invocation: Invocation): Promise<void> {
  if (invocation.args.length !== 0) throw badArguments("role list command requires no arguments");
  const { client, display } = await connect(invocation);
  const response = await client.auth.listRoles(NO_DEADLINE).catch(fail);
  await print(display, {
    message: { table: AuthRoleListResponse, value: response },
    simple(simple) {
      for (const role of response.roles) simple.line(role);
    },
    fields(fields) {
      fields.header(response.header);
      invocation.output.line(`"Roles" :${response.roles.map((role) => ` ${quote(role)}`).join("")}`);
    },
  });
}

const PERMISSION_TYPES: Readonly<Record<string, number>> = PermissionType;
const TYPE_NAMES = Object.keys(PermissionType);

export async function grantPermission(invocation: Invocation): Promise<void> {
  const [name, type, ...keys] = invocation.args;
  if (name === undefined || type === undefined || keys.length === 0)
    throw badArguments(
      "role grant command requires role name, permission type, and key [endkey] as its argument",
    );
  const permType = PERMISSION_TYPES[type.toUpperCase()];
  if (permType === undefined) throw badArguments(`invalid permission type: ${type}`);
  const perm = { permType, ...permissionRange(keys, invocation.flags) };
  const { client, display } = await connect(invocation);
  const response = await client.auth.grantPermission({ name, perm }, NO_DEADLINE).catch(fail);
  await print(display, changeResult(AuthRoleGrantPermissionResponse, response, `Role ${name} updated`));
}

export async function revokePermission(invocation: Invocation): Promise<void> {
  const [role, ...keys] = invocation.args;
  if (role === undefined || keys.length === 0)
    throw badArguments("role revoke-permission command requires role name and key [endkey] as its argument");
  const range = permissionRange(keys, invocation.flags);
  const { client, display } = await connect(invocation);
  const response = await client.auth.revokePermission({ role, ...range }, NO_DEADLINE).catch(fail);
  const end = Buffer.from(range.rangeEnd);
  await print(display, {
    ...changeResult(AuthRoleRevokePermissionResponse, response, ""),
    simple(simple) {
      const rest = ` is revoked from role ${role}`;
      if (end.length === 0) simple.line(`Permission of key ${keys[0]}${rest}`);
      else if (isOpen(end)) simple.line(`Permission of range [${keys[0]}, <open ended>${rest}`);
      else simple.line(`Permission of range [${keys[0]}, `, end, `)${rest}`);
    },
  });
}

function fail(error: unknown): never {
  throw exitWith(ExitCode.ERROR, error);
}

function isOpen(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

export function roleResult(role: string, response: AuthRoleGetResponse): Printable {
  const { header, perm } = response;
  return {
    message: { table: AuthRoleGetResponse, value: response },
    simple(simple) {
      simple.line(`Role ${role}`);
      simple.line("KV Read:");
      printPermissions(simple, role, perm, PermissionType.WRITE);
      simple.line("KV Write:");
      printPermissions(simple, role, perm, PermissionType.READ);
    },
    fields(fields) {
      fields.header(header);
      for (const { permType, key, rangeEnd } of perm) {
        fields.plain("PermType", ` ${TYPE_NAMES[permType] ?? permType}`);
        fields.quoted("Key", key);
        fields.quoted("RangeEnd", rangeEnd);
      }
    },
  };
}

/** Those that allow something else than `other` alone. */
function printPermissions(simple: Simple, role: string, all: readonly Permission[], other: number): void {
  if (role === "root" && all.length === 0) simple.line("\t[, <open ended>");
  for (const { permType, key, rangeEnd } of all) {
    if (permType !== other) simple.line("\t", ...rangeText(key, rangeEnd));
  }
}

function rangeText(key: Uint8Array, rangeEnd: Uint8Array): (string | Uint8Array)[] {
  if (rangeEnd.length === 0) return [key];
  const range = isOpen(rangeEnd) ? ["[", key, ", <open ended>"] : ["[", key, ", ", rangeEnd, ")"];
  const isPrefix = key.length > 0 && Buffer.compare(prefixEnd(key), rangeEnd) === 0;
  return isPrefix ? [...range, " (prefix ", key, ")"] : range;
}
