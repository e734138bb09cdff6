import type { ServerCall } from "@quorate/rpc/server";
import { encodeLeaseId } from "@quorate/wire/hot";
import { LEASE_REVOKE } from "../../operations/lease-revoke.ts";
import { callerOf } from "../callers.ts";
import type { LoggedMethod } from "../logged-method.ts";

/** `Lease.LeaseRevoke`. Of the message only the ID goes into the log: it is not checked for its size. */
export function handleLeaseRevoke(
  revoking: LoggedMethod<bigint, number>,
  message: Uint8Array,
  call: ServerCall,
): void {
  const id = LEASE_REVOKE.decode(message, 0, message.length);
  const caller = callerOf(call);
  if (revoking.admits(id, caller, call)) revoking.proposeMessage(encodeLeaseId(id), id, caller, call);
}
