import type { ServerCall } from "@quorate/rpc";
import {
  decodeTxnRequest,
  encodeInternalRequest,
  encodeTxnResponse,
  encodeTxnResponseInParts,
  InternalField,
  type TxnRequest,
} from "@quorate/wire/hot";
import type { Applier } from "../../apply/applier.ts";
import { txnCost } from "../../apply/quota.ts";
import { Proposal } from "../../consensus/proposal.ts";
import { checkTxn, isReadOnlyTxn, isSerializableTxn } from "../../mvcc/txn/check.ts";
import { executeReadOnlyTxn, isInParts, type TxnOutcome } from "../../mvcc/txn/execute.ts";
import { DEFAULT_SLICE_LIMITS } from "../../slices.ts";
import { releaseAnswerPart } from "../answer-memory.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { failForSpace } from "../no-space.ts";
import { answerWhenApplied, checkProposal } from "../propose.ts";
import { failCall } from "../services.ts";

/** To decode and check a request of more bytes, up to a millisecond for each 8 KiB, takes a turn of the loop by itself. */
const LARGE_BYTES = 16_384;

/** `KV.Txn`: one that only reads is served here like a range, any other goes through the log. */
export function handleTxn(context: ApiContext, message: Uint8Array, call: ServerCall): void {
  const owned = message.slice();
  if (owned.length <= LARGE_BYTES) begin(context, owned, call);
  else void beginLater(context, owned, call);
}

async function beginLater(context: ApiContext, owned: Uint8Array, call: ServerCall): Promise<void> {
  const { reading } = context.store;
  await reading.next();
  reading.spend(DEFAULT_SLICE_LIMITS.turn);
  if (call.ended) return;
  try {
    begin(context, owned, call);
  } catch (error) {
    failCall(call, error);
  }
}

function begin(context: ApiContext, owned: Uint8Array, call: ServerCall): void {
  const request = decodeTxnRequest(owned);
  if (!context.quota.fits(txnCost(request))) {
    failForSpace(context, call);
    return;
  }
  checkTxn(request, context.config.maxTxnOps);
  if (isReadOnlyTxn(request)) {
    read(context, request, call);
    return;
  }
  const data = encodeInternalRequest(InternalField.txn, owned, context.ids.next(), "", 0);
  checkProposal(context, data);
  context.consensus.propose(new TxnProposal(data, request, context, call));
}

function read(context: ApiContext, request: TxnRequest, call: ServerCall): void {
  const answer = () => {
    if (call.ended) return;
    try {
      const outcome = executeReadOnlyTxn(context.store, request, call);
      // A long one is read in slices, so that it does not hold up the loop.
      if (outcome instanceof Promise) void replyLater(context, outcome, call);
      else reply(context, outcome, call);
    } catch (error) {
      failCall(call, error);
    }
  };
  if (isSerializableTxn(request)) answer();
  else context.consensus.read({ ready: answer, fail: (error) => failCall(call, error) });
}

async function replyLater(
  context: ApiContext,
  outcome: Promise<TxnOutcome>,
  call: ServerCall,
): Promise<void> {
  try {
    reply(context, await outcome, call);
  } catch (error) {
    failCall(call, error);
  }
}

class TxnProposal extends Proposal {
  readonly #request: TxnRequest;
  readonly #context: ApiContext;
  readonly #call: ServerCall;

  constructor(data: Uint8Array, request: TxnRequest, context: ApiContext, call: ServerCall) {
    super(data);
    this.#request = request;
    this.#context = context;
    this.#call = call;
  }

  override apply(applier: Applier): Promise<void> | undefined {
    return answerWhenApplied(
      () => applier.txn(this.#request),
      ({ outcome, overQuota }) => {
        if (overQuota) failForSpace(this.#context, this.#call);
        else this.#answer(outcome);
      },
      (error) => this.fail(error),
    );
  }

  /** The entry is applied: an answer that cannot be given concerns nobody but the client. */
  #answer(outcome: TxnOutcome): void {
    try {
      reply(this.#context, outcome, this.#call);
    } catch (error) {
      this.#call.failWith(error);
    }
  }

  override fail(error: Error): void {
    failCall(this.#call, error);
  }
}

function reply(context: ApiContext, { revision, succeeded, responses }: TxnOutcome, call: ServerCall): void {
  const header = headerBytes(context, revision);
  if (isInParts(responses)) {
    call.replyInParts(encodeTxnResponseInParts(header, succeeded, responses), releaseAnswerPart);
  } else {
    call.reply(encodeTxnResponse(header, succeeded, responses));
  }
}
