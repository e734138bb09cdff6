import type { ServerCall } from "@quorate/rpc";
import {
  decodePutRequest,
  encodeInternalRequest,
  encodePutResponse,
  InternalField,
  type PutRequest,
} from "@quorate/wire/hot";
import type { Applier, PutOutcome } from "../../apply/applier.ts";
import { putCost } from "../../apply/quota.ts";
import { Proposal } from "../../consensus/proposal.ts";
import { RequestError } from "../../errors.ts";
import { checkPut } from "../../mvcc/txn/check.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { failForSpace } from "../no-space.ts";
import { checkProposal } from "../propose.ts";
import { failCall } from "../services.ts";

/** `KV.Put`. Hot: one copy of the client's bytes (into the log entry), no promise and no closure. */
export function handlePut(context: ApiContext, message: Uint8Array, call: ServerCall): void {
  const data = encodeInternalRequest(InternalField.put, message, context.ids.next(), "", 0);
  // The operation comes first in the entry: its tag, its length, and the client's bytes as they came.
  const start = 1 + lengthSize(message.length);
  const put = decodePutRequest(data, start, start + message.length);
  if (!context.quota.fits(putCost(put))) {
    failForSpace(context, call);
    return;
  }
  checkPut(put);
  checkProposal(context, data);
  context.consensus.propose(new PutProposal(data, put, context, call));
}

class PutProposal extends Proposal {
  readonly #put: PutRequest;
  readonly #context: ApiContext;
  readonly #call: ServerCall;

  constructor(data: Uint8Array, put: PutRequest, context: ApiContext, call: ServerCall) {
    super(data);
    this.#put = put;
    this.#context = context;
    this.#call = call;
  }

  override apply(applier: Applier): undefined {
    let outcome: PutOutcome;
    try {
      outcome = applier.put(this.#put);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failCall(this.#call, error);
      return;
    }
    if (outcome.overQuota) failForSpace(this.#context, this.#call);
    else this.#answer(outcome.revision, outcome.prevKv);
  }

  /** The entry is applied: an answer that cannot be given concerns nobody but the client. */
  #answer(revision: number, prevKv: Uint8Array | undefined): void {
    try {
      this.#call.reply(encodePutResponse(headerBytes(this.#context, revision), prevKv));
    } catch (error) {
      this.#call.failWith(error);
    }
  }

  override fail(error: Error): void {
    failCall(this.#call, error);
  }
}

function lengthSize(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : length < 0x10000000 ? 4 : 5;
}
