import type { ServerCall } from "@quorate/rpc/server";
import { encodeLeaseId } from "@quorate/wire/hot";
import { LEASE_REVOKE } from "../../operations/lease-revoke.ts";
import { callerOf } from "../callers.ts";
import type { LeaseContext } from "../context.ts";
import type { LoggedMethod } from "../logged-method.ts";

/**
 * `Lease.LeaseRevoke`. Who has the duty of leases revokes any of them: in the log that is the root user, whom all members judge
 * alike. Of the message only the ID goes into the log: it is not checked for its size.
 */
export function handleLeaseRevoke(
  { access, identities }: Pick<LeaseContext, "access" | "identities">,
  revoking: LoggedMethod<bigint, number>,
  message: Uint8Array,
  call: ServerCall,
): void {
  const id = LEASE_REVOKE.decode(message, 0, message.length);
  const caller = callerOf(call);
  if (!revoking.admits(id, caller, call)) return;
  const hasDuty = access.isRestricted && access.needsOf(caller).hasDuty("leases");
  revoking.proposeMessage(encodeLeaseId(id), id, hasDuty ? identities.ofMember : caller, call);
}
