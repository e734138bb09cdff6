import type { ServerCall } from "@quorate/rpc/server";
import { encodeLeaseGrantRequest } from "@quorate/wire/hot";
import { type GrantOutcome, type GrantRequest, LEASE_GRANT } from "../../operations/lease-grant.ts";
import { callerOf } from "../callers.ts";
import type { LeaseContext } from "../context.ts";
import { LoggedMethod } from "../logged-method.ts";

/** `Lease.LeaseGrant`. Hot: no promise and no closure. */
export class LeaseGrantMethod {
  readonly #context: LeaseContext;
  readonly #granting: LoggedMethod<GrantRequest, GrantOutcome>;

  constructor(context: LeaseContext) {
    this.#context = context;
    this.#granting = new LoggedMethod(LEASE_GRANT, context);
  }

  serve(message: Uint8Array, call: ServerCall): void {
    const request = LEASE_GRANT.decode(message, 0, message.length);
    const caller = callerOf(call);
    if (!this.#granting.admits(request, caller, call)) return;
    if (request.id === 0n) request.id = this.#chooseId();
    const chosen = encodeLeaseGrantRequest(request.id, request.ttlSeconds);
    this.#granting.proposeMessage(chosen, request, caller, call);
  }

  /** Positive and unique over members and restarts: a request ID without its top bit. */
  #chooseId(): bigint {
    for (;;) {
      const id = BigInt.asUintN(63, this.#context.ids.next());
      if (id !== 0n) return id;
    }
  }
}
