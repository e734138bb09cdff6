import type { ServerCall } from "@quorate/rpc/server";
import { type Caller, NOBODY } from "../operations/caller.ts";

/** On whose behalf a call is made. There are no users, so whatever it says of itself, it is nobody's. Hot. */
export function callerOf(_call: ServerCall): Caller {
  return NOBODY;
}

/** Who waits before anything is proposed. */
export type WaitingCaller = Caller & { readonly signal: AbortSignal };

/** As `callerOf`, of one who waits. Takes the call's `onCancel`. */
export function waitingCallerOf(call: ServerCall): WaitingCaller {
  const { username, authRevision } = callerOf(call);
  const controller = new AbortController();
  call.onCancel = () => controller.abort();
  return { username, authRevision, deadlineMs: call.deadlineMs, signal: controller.signal };
}

/** On whose behalf another member asks, that had `token` of its own caller. There are no users here, either. */
export function callerWithToken(_token: string | undefined, signal: AbortSignal): WaitingCaller {
  return { ...NOBODY, signal };
}
