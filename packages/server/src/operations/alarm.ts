import { decode, encode } from "@quorate/wire";
import { type AlarmRequest, AlarmRequestSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import type { Alarm } from "../alarm/alarm-store.ts";
import { operation } from "./operation.ts";

/** `etcdserverpb.AlarmRequest.AlarmAction`. */
export const AlarmAction = { GET: 0, ACTIVATE: 1, DEACTIVATE: 2 } as const;

/** `Maintenance.Alarm`. The outcome are the alarms asked for, or the one that was changed. */
export const ALARM = operation<AlarmRequest, readonly Alarm[]>({
  field: InternalField.alarm,
  decode: (bytes, start, end) => decode(AlarmRequestSchema, bytes.subarray(start, end)),
  needsOfProposer({ action }, needs) {
    if (action === AlarmAction.GET) needs.user();
    else needs.administrator();
  },
  runsWhenCorrupt: true,
  apply({ alarms }, { action, memberID, alarm }) {
    if (action === AlarmAction.GET) return alarms.list(alarm);
    if (action === AlarmAction.ACTIVATE) return alarms.activate(memberID, alarm);
    return action === AlarmAction.DEACTIVATE ? alarms.deactivate(memberID, alarm) : [];
  },
});

/** The request that raises an alarm of `type`, for a member that found its reason. */
export function encodeActivation(memberID: bigint, type: number): Uint8Array {
  return encode(AlarmRequestSchema, { action: AlarmAction.ACTIVATE, memberID, alarm: type });
}

/** The request that ends an alarm of `type` of a member whose reason has gone. */
export function encodeDeactivation(memberID: bigint, type: number): Uint8Array {
  return encode(AlarmRequestSchema, { action: AlarmAction.DEACTIVATE, memberID, alarm: type });
}
