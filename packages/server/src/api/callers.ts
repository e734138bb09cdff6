import type { ServerCall } from "@quorate/rpc/server";
import { type Caller, NOBODY } from "../operations/caller.ts";
import type { CallContext } from "./context.ts";
import { Identity } from "./identities.ts";

/** On whose behalf a call is made, as of now. Hot. */
export function callerOf(call: ServerCall): Caller {
  const { userData } = call;
  return userData instanceof Identity ? userData.caller : NOBODY;
}

/** Who waits before anything is proposed. */
export type WaitingCaller = Caller & { readonly signal: AbortSignal };

/** As `callerOf`, of one who waits. Takes the call's `onCancel`. */
export function waitingCallerOf(call: ServerCall): WaitingCaller {
  const controller = new AbortController();
  call.onCancel = () => controller.abort();
  return { ...callerOf(call), signal: controller.signal };
}

/** On whose behalf another member asks, that had `token` of its own caller. */
export async function callerWithToken(
  { identities }: Pick<CallContext, "identities">,
  token: string | undefined,
  signal: AbortSignal,
): Promise<WaitingCaller> {
  return { ...(await identities.callerWith(token, signal)), signal };
}
