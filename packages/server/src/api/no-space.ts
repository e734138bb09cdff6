import type { ServerCall } from "@quorate/rpc/server";
import { AlarmType } from "../alarm/alarm-store.ts";
import { RequestError } from "../errors.ts";
import { ALARM, encodeActivation } from "../operations/alarm.ts";
import { NOBODY } from "../operations/caller.ts";
import type { SpaceContext } from "./context.ts";
import { propose } from "./propose.ts";
import { failCall } from "./services.ts";

/** Answers a write that does not fit: all members learn of it by an alarm first, whose own outcome does not matter. */
export function failForSpace(context: SpaceContext, call: ServerCall): void {
  const done = () => failCall(call, new RequestError("NO_SPACE"));
  raiseNoSpace(context).then(done, done);
}

async function raiseNoSpace(context: SpaceContext): Promise<void> {
  const { localId } = context.membership;
  const alreadyRaised = context.alarms.list(AlarmType.NOSPACE).some((alarm) => alarm.memberId === localId);
  if (alreadyRaised) return;
  context.log.warn("backend is over its quota; raising an alarm", { sizeBytes: context.backend.sizeBytes });
  await propose(context, ALARM, encodeActivation(localId, AlarmType.NOSPACE), NOBODY);
}
