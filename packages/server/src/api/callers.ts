import type { ServerCall } from "@quorate/rpc/server";
import { type Caller, NOBODY } from "../operations/caller.ts";
import type { CallContext } from "./context.ts";
import { Identities, Identity } from "./identities.ts";
import { ObservedCall } from "./observed-calls.ts";

/** On whose behalf a call is made, as of now: of one that has waited, behind `identified`. Hot. */
export function callerOf(call: ServerCall): Caller {
  const { userData } = call;
  return userData instanceof Identity ? userData.caller : NOBODY;
}

/**
 * Resolves when `callerOf` can say who makes a call that has waited: when it began, nobody had to be anybody yet. Undefined: it
 * can by now. May take the call's `onCancel` meanwhile.
 */
export function identified(call: ServerCall): Promise<void> | undefined {
  const { userData } = call;
  const identity = userData instanceof Identities ? userData.of(call) : userData;
  if (!(identity instanceof Identity)) return undefined;
  if (identity === userData && identity.wasAskedFor) return undefined;
  call.userData = identity;
  const known = (): void => {
    if (call instanceof ObservedCall) call.identified(identity.caller);
  };
  if (!identity.isExamined) return identity.examine(call).then(known);
  known();
  return undefined;
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
