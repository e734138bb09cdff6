import { RequestError } from "../errors.ts";
import type { Caller } from "../operations/caller.ts";
import { encodeEntry, requestStart } from "../operations/entry-payload.ts";
import type { Operation } from "../operations/operation.ts";
import type { ProposeContext } from "./context.ts";
import { OperationProposal, type Outcomes } from "./operation-proposal.ts";

/** Urgent proposals that may be committed and not yet applied, with feature `PriorityRequest`. */
const MAX_UNAPPLIED_URGENT = 10_000;

/** Refuses what may not be proposed: in etcd's order, backpressure before size. */
export function checkProposal(
  { config, consensus }: ProposeContext,
  operation: Pick<Operation<never, unknown>, "isUrgent">,
  data: Uint8Array,
): void {
  if (operation.isUrgent && config.features.PriorityRequest) {
    if (consensus.committedIndex > consensus.appliedIndex + MAX_UNAPPLIED_URGENT) {
      throw new RequestError("TOO_MANY_REQUESTS");
    }
    return;
  }
  if (consensus.overloaded) throw new RequestError("TOO_MANY_REQUESTS");
  if (data.length > config.maxRequestBytes) throw new RequestError("REQUEST_TOO_LARGE");
}

/**
 * Sends one operation through the log and resolves with its outcome; rejects with RequestError, or with WireError for a
 * `message` that is no request. For operations off the hot path. With `leaderOnly` it is never carried to another leader,
 * and fails with NOT_PRIMARY_LESSOR instead.
 */
export function propose<Request, Outcome>(
  context: ProposeContext,
  operation: Operation<Request, Outcome>,
  message: Uint8Array,
  caller: Caller,
  leaderOnly = false,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const data = encodeEntry(operation.field, message, context.ids.next(), caller);
    const start = requestStart(data, operation.field, message.length);
    const request = operation.decode(data, start, start + message.length);
    checkProposal(context, operation, data);
    const cost = operation.costBytes(request);
    const waiting = { resolve, reject };
    context.consensus.propose(
      new OperationProposal(data, operation, request, cost, caller, SETTLED, waiting, leaderOnly),
    );
  });
}

interface Waiting<Outcome> {
  resolve(outcome: Outcome): void;
  reject(error: Error): void;
}

const SETTLED: Outcomes<unknown, Waiting<unknown>> = {
  applied: (waiting, outcome) => waiting.resolve(outcome),
  refused: (waiting, error) => waiting.reject(error),
};
