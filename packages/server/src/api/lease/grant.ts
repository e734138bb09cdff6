import type { ServerCall } from "@quorate/rpc";
import {
  decodeLeaseGrantRequest,
  encodeInternalRequest,
  encodeLeaseGrantRequest,
  encodeLeaseTtl,
  InternalField,
} from "@quorate/wire/hot";
import type { Applier } from "../../apply/applier.ts";
import { LEASE_GRANT_COST_BYTES } from "../../apply/quota.ts";
import { Proposal } from "../../consensus/proposal.ts";
import { RequestError } from "../../errors.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { failForSpace } from "../no-space.ts";
import { checkProposal } from "../propose.ts";
import { failCall } from "../services.ts";

/** `Lease.LeaseGrant`. Hot: no promise and no closure. */
export function handleLeaseGrant(context: ApiContext, message: Uint8Array, call: ServerCall): void {
  const { id: asked, ttlSeconds } = decodeLeaseGrantRequest(message);
  if (!context.quota.fits(LEASE_GRANT_COST_BYTES)) {
    failForSpace(context, call);
    return;
  }
  const id = asked === 0n ? chooseId(context) : asked;
  const request = encodeLeaseGrantRequest(id, ttlSeconds);
  const data = encodeInternalRequest(InternalField.leaseGrant, request, context.ids.next(), "", 0);
  checkProposal(context, data);
  context.consensus.propose(new GrantProposal(data, id, ttlSeconds, context, call));
}

class GrantProposal extends Proposal {
  readonly #id: bigint;
  readonly #ttlSeconds: number;
  readonly #context: ApiContext;
  readonly #call: ServerCall;

  constructor(data: Uint8Array, id: bigint, ttlSeconds: number, context: ApiContext, call: ServerCall) {
    super(data);
    this.#id = id;
    this.#ttlSeconds = ttlSeconds;
    this.#context = context;
    this.#call = call;
  }

  override apply(applier: Applier): undefined {
    const context = this.#context;
    const id = this.#id;
    try {
      const { ttlSeconds, overQuota } = applier.leaseGrant(id, this.#ttlSeconds);
      if (overQuota) failForSpace(context, this.#call);
      else
        this.#call.reply(encodeLeaseTtl(headerBytes(context, context.store.currentRevision), id, ttlSeconds));
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failCall(this.#call, error);
    }
  }

  override fail(error: Error): void {
    failCall(this.#call, error);
  }
}

/** Positive and unique over members and restarts: a request ID without its top bit. */
function chooseId(context: ApiContext): bigint {
  for (;;) {
    const id = BigInt.asUintN(63, context.ids.next());
    if (id !== 0n) return id;
  }
}
