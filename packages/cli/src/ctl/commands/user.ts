import {
  AuthUserAddResponse,
  AuthUserChangePasswordResponse,
  AuthUserDeleteResponse,
  AuthUserGetResponse,
  AuthUserGrantRoleResponse,
  AuthUserListResponse,
  AuthUserRevokeRoleResponse,
} from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { print } from "../output/display.ts";
import { connect } from "../session/connect.ts";
import { changeResult, NO_DEADLINE, oneName } from "./auth-results.ts";
import { roleResult } from "./role.ts";

export async function add(invocation: Invocation): Promise<void> {
  const given = oneName(invocation, "user add command requires user name as its argument");
  const request = await newUser(invocation, given);
  const { client, display } = await connect(invocation);
  const response = await client.auth.addUser(request, NO_DEADLINE).catch(fail);
  await print(display, changeResult(AuthUserAddResponse, response, `User ${request.name} created`));
}

async function newUser(invocation: Invocation, given: string) {
  const { flags } = invocation;
  const options = { noPassword: flags.on("no-password") };
  if (options.noPassword) return { name: given, options };
  const fromFlag = flags.text("new-user-password");
  if (fromFlag !== "") return { name: given, password: fromFlag, options };
  const colon = given.indexOf(":");
  if (colon < 0) {
    return { name: given, password: await askNewPassword(invocation, given), options };
  }
  if (colon === 0) throw badArguments("empty user name is not allowed");
  return { name: given.slice(0, colon), password: given.slice(colon + 1), options };
}

export async function remove(invocation: Invocation): Promise<void> {
  const name = oneName(invocation, "user delete command requires user name as its argument");
  const { client, display } = await connect(invocation);
  const response = await client.auth.deleteUser({ name }, NO_DEADLINE).catch(fail);
  await print(display, changeResult(AuthUserDeleteResponse, response, `User ${name} deleted`));
}

export async function get(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const name = oneName(invocation, "user get command requires user name as its argument");
  const { client, display } = await connect(invocation);
  const response = await client.auth.getUser({ name }, NO_DEADLINE).catch(fail);
  if (!flags.on("detail")) {
    const roles = response.roles.map((role) => ` ${role}`).join("");
    return print(display, {
      message: { table: AuthUserGetResponse, value: response },
      simple(simple) {
        simple.line(`User: ${name}`);
        simple.line(`Roles:${roles}`);
      },
    });
  }
  output.line(`User: ${name}`);
  for (const role of response.roles) {
    output.line();
    await print(display, roleResult(role, await client.auth.getRole({ role }, NO_DEADLINE).catch(fail)));
  }
}

export async function list(invocation: Invocation): Promise<void> {
  if (invocation.args.length !== 0) throw badArguments("user list command requires no arguments");
  const { client, display } = await connect(invocation);
  const response = await client.auth.listUsers(NO_DEADLINE).catch(fail);
  await print(display, {
    message: { table: AuthUserListResponse, value: response },
    simple(simple) {
      for (const user of response.users) simple.line(user);
    },
  });
}

export async function changePassword(invocation: Invocation): Promise<void> {
  const name = oneName(invocation, "user passwd command requires user name as its argument");
  const password = await askNewPassword(invocation, name);
  const { client, display } = await connect(invocation);
  const response = await client.auth.changePassword({ name, password }, NO_DEADLINE).catch(fail);
  await print(display, changeResult(AuthUserChangePasswordResponse, response, "Password updated"));
}

export async function grantRole(invocation: Invocation): Promise<void> {
  const complaint = "user grant command requires user name and role name as its argument";
  const [user, role] = twoNames(invocation, complaint);
  const { client, display } = await connect(invocation);
  const response = await client.auth.grantRole({ user, role }, NO_DEADLINE).catch(fail);
  const text = `Role ${role} is granted to user ${user}`;
  await print(display, changeResult(AuthUserGrantRoleResponse, response, text));
}

export async function revokeRole(invocation: Invocation): Promise<void> {
  const complaint = "user revoke-role requires user name and role name as its argument";
  const [name, role] = twoNames(invocation, complaint);
  const { client, display } = await connect(invocation);
  const response = await client.auth.revokeRole({ name, role }, NO_DEADLINE).catch(fail);
  const text = `Role ${role} is revoked from user ${name}`;
  await print(display, changeResult(AuthUserRevokeRoleResponse, response, text));
}

function twoNames({ args }: Invocation, complaint: string): [string, string] {
  if (args.length !== 2) throw badArguments(complaint);
  return [args[0]!, args[1]!];
}

function fail(error: unknown): never {
  throw exitWith(ExitCode.ERROR, error);
}

async function askNewPassword(invocation: Invocation, name: string): Promise<string> {
  const { flags, input } = invocation;
  if (!flags.on("interactive")) return (await input.line())?.trim().split(/\s/)[0] ?? "";
  const { askPassword } = await import("../session/password.ts");
  const password = await askPassword(`Password of ${name}: `, invocation);
  if (password === "") throw badArguments("empty password");
  const again = await askPassword(`Type password of ${name} again for confirmation: `, invocation);
  if (password !== again) throw badArguments("given passwords are different");
  return password;
}
