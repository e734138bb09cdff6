import { type Client, ClientError } from "@quorate/client";
import { AuthStatusResponse } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { print } from "../output/display.ts";
import { connect } from "../session/connect.ts";

const NO_ROOT_ROLE = "etcdserver: root user does not have root role";

export async function enable(invocation: Invocation): Promise<void> {
  refuseArguments(invocation, "enable");
  const { client } = await connect(invocation);
  await enableWithRoot(client).catch(fail);
  invocation.output.line("Authentication Enabled");
}

/** Gives the root user its role, if that is all that is missing. */
async function enableWithRoot(client: Client): Promise<void> {
  for (;;) {
    try {
      await client.auth.enable();
      return;
    } catch (error) {
      if (!(error instanceof ClientError) || error.details !== NO_ROOT_ROLE) throw error;
      await client.auth.addRole({ name: "root" });
      await client.auth.grantRole({ user: "root", role: "root" });
    }
  }
}

export async function disable(invocation: Invocation): Promise<void> {
  refuseArguments(invocation, "disable");
  const { client } = await connect(invocation);
  await client.auth.disable().catch(fail);
  invocation.output.line("Authentication Disabled");
}

export async function status(invocation: Invocation): Promise<void> {
  refuseArguments(invocation, "status");
  const { client, display } = await connect(invocation);
  const response = await client.auth.status().catch(fail);
  await print(display, {
    message: { table: AuthStatusResponse, value: response },
    simple(simple) {
      simple.line(`Authentication Status: ${response.enabled}`);
      simple.line(`AuthRevision: ${response.authRevision}`);
    },
  });
}

function refuseArguments({ args }: Invocation, name: string): void {
  if (args.length !== 0) throw badArguments(`auth ${name} command does not accept any arguments`);
}

function fail(error: unknown): never {
  throw exitWith(ExitCode.ERROR, error);
}
