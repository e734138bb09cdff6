import type { ServerCall } from "@quorate/rpc";
import { type Caller, NOBODY } from "../operations/caller.ts";

/** On whose behalf a call is made. There are no users, so whatever it says of itself, it is nobody's. Hot. */
export function callerOf(_call: ServerCall): Caller {
  return NOBODY;
}

/** As `callerOf`, for who waits before anything is proposed. Takes the call's `onCancel`. */
export function waitingCallerOf(call: ServerCall): Caller & { readonly signal: AbortSignal } {
  const { username, authRevision } = callerOf(call);
  const controller = new AbortController();
  call.onCancel = () => controller.abort();
  return { username, authRevision, deadlineMs: call.deadlineMs, signal: controller.signal };
}
