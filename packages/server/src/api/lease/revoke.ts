import type { ServerCall } from "@quorate/rpc";
import {
  decodeLeaseId,
  encodeInternalRequest,
  encodeLeaseId,
  encodeLeaseRevokeResponse,
  InternalField,
} from "@quorate/wire/hot";
import type { Applier } from "../../apply/applier.ts";
import { Proposal } from "../../consensus/proposal.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { answerWhenApplied } from "../propose.ts";
import { failCall } from "../services.ts";
import { checkRevoke } from "./leader-proposal.ts";

/** `Lease.LeaseRevoke`, through the log from any member. */
export function handleLeaseRevoke(context: ApiContext, message: Uint8Array, call: ServerCall): void {
  const id = decodeLeaseId(message);
  const data = encodeInternalRequest(InternalField.leaseRevoke, encodeLeaseId(id), context.ids.next(), "", 0);
  checkRevoke(context, data);
  context.consensus.propose(new RevokeProposal(data, id, context, call));
}

class RevokeProposal extends Proposal {
  readonly #id: bigint;
  readonly #context: ApiContext;
  readonly #call: ServerCall;

  constructor(data: Uint8Array, id: bigint, context: ApiContext, call: ServerCall) {
    super(data);
    this.#id = id;
    this.#context = context;
    this.#call = call;
  }

  override apply(applier: Applier): Promise<void> | undefined {
    return answerWhenApplied(
      () => applier.leaseRevoke(this.#id),
      (revision) => this.#call.reply(encodeLeaseRevokeResponse(headerBytes(this.#context, revision))),
      (error) => this.fail(error),
    );
  }

  override fail(error: Error): void {
    failCall(this.#call, error);
  }
}
