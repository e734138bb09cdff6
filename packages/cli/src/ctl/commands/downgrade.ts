import { DowngradeAction } from "@quorate/client";
import { DowngradeResponse } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { print } from "../output/display.ts";
import { connect } from "../session/connect.ts";

export function validate(invocation: Invocation): Promise<void> {
  return downgrade(invocation, DowngradeAction.VALIDATE, "validate", targetOf(invocation));
}

export function enable(invocation: Invocation): Promise<void> {
  return downgrade(invocation, DowngradeAction.ENABLE, "enable", targetOf(invocation));
}

export function cancel(invocation: Invocation): Promise<void> {
  return downgrade(invocation, DowngradeAction.CANCEL, "cancel", "");
}

function targetOf({ args }: Invocation): string {
  const [version] = args;
  if (version === undefined) throw badArguments("TARGET_VERSION not provided");
  if (args.length > 1) throw badArguments("too many arguments");
  if (version === "") throw badArguments("target version not provided");
  return version;
}

async function downgrade(
  invocation: Invocation,
  action: number,
  name: string,
  version: string,
): Promise<void> {
  const { client, display } = await connect(invocation);
  const response = await client.maintenance.downgrade({ action, version }).catch((error: unknown) => {
    throw exitWith(ExitCode.ERROR, error);
  });
  await print(display, {
    message: { table: DowngradeResponse, value: response },
    simple: (simple) => simple.line(`Downgrade ${name} success, cluster version ${response.version}`),
  });
}
