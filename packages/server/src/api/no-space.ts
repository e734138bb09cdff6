import type { ServerCall } from "@quorate/rpc";
import { encode } from "@quorate/wire";
import { AlarmRequestSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { AlarmType } from "../alarm/alarm-store.ts";
import { AlarmAction } from "../apply/applier.ts";
import { RequestError } from "../errors.ts";
import type { ApiContext } from "./context.ts";
import { propose } from "./propose.ts";
import { failCall } from "./services.ts";

/** Answers a write that does not fit: all members learn of it by an alarm first, whose own outcome does not matter. */
export function failForSpace(context: ApiContext, call: ServerCall): void {
  const done = () => failCall(call, new RequestError("NO_SPACE"));
  raiseNoSpace(context).then(done, done);
}

export async function raiseNoSpace(context: ApiContext): Promise<void> {
  const memberID = context.membership.localId;
  const alreadyRaised = context.alarms.list(AlarmType.NOSPACE).some((alarm) => alarm.memberId === memberID);
  if (alreadyRaised) return;
  context.log.warn("backend is over its quota; raising an alarm", { sizeBytes: context.backend.sizeBytes });
  const request = encode(AlarmRequestSchema, {
    action: AlarmAction.ACTIVATE,
    memberID,
    alarm: AlarmType.NOSPACE,
  });
  await propose(context, InternalField.alarm, request, (applier) =>
    applier.alarm(AlarmAction.ACTIVATE, memberID, AlarmType.NOSPACE),
  );
}
