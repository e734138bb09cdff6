import type { Client } from "@quorate/client";
import { MoveLeaderResponse } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { hexId } from "../../go-text/ids.ts";
import { NumberError, parseUint64 } from "../../go-text/parse-number.ts";
import { print } from "../output/display.ts";
import { clientOf } from "../session/connect.ts";
import { readSettings, type Settings } from "../session/settings.ts";

export async function run(invocation: Invocation): Promise<void> {
  const targetID = targetOf(invocation);
  const settings = await readSettings(invocation);
  try {
    const { leader, client } = await findLeader(settings);
    const response = await client.maintenance.moveLeader({ targetID });
    await print(settings.display, {
      message: { table: MoveLeaderResponse, value: response },
      simple: (simple) => simple.line(`Leadership transferred from ${hexId(leader)} to ${hexId(targetID)}`),
    });
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
}

function targetOf({ args }: Invocation): bigint {
  if (args.length !== 1) throw badArguments("move-leader command needs 1 argument");
  try {
    return parseUint64(args[0]!, 16);
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    throw badArguments(error.message);
  }
}

async function findLeader(settings: Settings): Promise<{ leader: bigint; client: Client }> {
  for (const endpoint of settings.endpoints) {
    const client = await clientOf(settings, [endpoint]);
    const { header, leader } = await client.maintenance.status();
    if (header?.memberId === leader) return { leader, client };
    client.close();
  }
  throw badArguments(`no leader endpoint given at [${settings.endpoints.join(" ")}]`);
}
