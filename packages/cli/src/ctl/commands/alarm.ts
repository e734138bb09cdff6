import { AlarmAction, type Client } from "@quorate/client";
import { type AlarmMember, AlarmResponse } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { type Printable, print } from "../output/display.ts";
import { connect } from "../session/connect.ts";

const NAMES = ["NONE", "NOSPACE", "CORRUPT"];

export async function list(invocation: Invocation): Promise<void> {
  if (invocation.args.length !== 0) throw badArguments("alarm list command accepts no arguments");
  const { client, display } = await connect(invocation);
  const response = await client.maintenance.alarm({ action: AlarmAction.GET }).catch(fail);
  await print(display, alarmResult(response));
}

export async function disarm(invocation: Invocation): Promise<void> {
  if (invocation.args.length !== 0) throw badArguments("alarm disarm command accepts no arguments");
  const { client, display } = await connect(invocation);
  const alarms = await disarmAll(client).catch(fail);
  await print(display, alarmResult({ header: undefined, alarms }));
}

async function disarmAll(client: Client): Promise<AlarmMember[]> {
  const { alarms } = await client.maintenance.alarm({ action: AlarmAction.GET });
  const disarmed: AlarmMember[] = [];
  for (const { memberID, alarm } of alarms) {
    const response = await client.maintenance.alarm({ action: AlarmAction.DEACTIVATE, memberID, alarm });
    disarmed.push(...response.alarms);
  }
  return disarmed;
}

function fail(error: unknown): never {
  throw exitWith(ExitCode.ERROR, error);
}

function alarmResult(response: AlarmResponse): Printable {
  const { header, alarms } = response;
  return {
    message: { table: AlarmResponse, value: response },
    simple(simple) {
      for (const { memberID, alarm } of alarms) {
        const parts = [];
        if (memberID !== 0n) parts.push(`memberID:${memberID}`);
        if (alarm !== 0) parts.push(`alarm:${NAMES[alarm] ?? alarm}`);
        simple.line(parts.join(" "));
      }
    },
    fields(fields) {
      fields.header(header);
      for (const { memberID, alarm } of alarms) {
        fields.id("MemberID", memberID);
        fields.plain("AlarmType", NAMES[alarm] ?? alarm);
        fields.blank();
      }
    },
  };
}
