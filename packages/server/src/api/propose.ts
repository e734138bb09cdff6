import { encodeInternalRequest } from "@quorate/wire/hot";
import type { Applier } from "../apply/applier.ts";
import { Proposal } from "../consensus/proposal.ts";
import { RequestError } from "../errors.ts";
import type { ApiContext } from "./context.ts";

/** The parts that a proposal goes through. */
export type ProposeContext = Pick<ApiContext, "config" | "consensus" | "ids">;

/** Refuses what may not be proposed: in etcd's order, backpressure before size. */
export function checkProposal(context: ProposeContext, data: Uint8Array): void {
  if (context.consensus.overloaded) throw new RequestError("TOO_MANY_REQUESTS");
  if (data.length > context.config.maxRequestBytes) throw new RequestError("REQUEST_TOO_LARGE");
}

/**
 * Sends one operation through the log and resolves with what applying it gave. For operations off the hot path.
 * `field` is the operation's number in `InternalRaftRequest`, `request` its encoded message (copied).
 */
export function propose<Result>(
  context: ProposeContext,
  field: number,
  request: Uint8Array,
  apply: (applier: Applier) => Result | Promise<Result>,
): Promise<Result> {
  const data = encodeInternalRequest(field, request, context.ids.next(), "", 0);
  checkProposal(context, data);
  return new Promise((resolve, reject) => {
    context.consensus.propose(new PromiseProposal(data, apply, resolve, reject));
  });
}

/** A proposal whose outcome, what applying gave or why it was refused, settles a promise. */
export class PromiseProposal<Result> extends Proposal {
  readonly #apply: (applier: Applier) => Result | Promise<Result>;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (error: Error) => void;

  constructor(
    data: Uint8Array,
    apply: (applier: Applier) => Result | Promise<Result>,
    resolve: (result: Result) => void,
    reject: (error: Error) => void,
  ) {
    super(data);
    this.#apply = apply;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override apply(applier: Applier): Promise<void> | undefined {
    return answerWhenApplied(
      () => this.#apply(applier),
      (result) => this.#resolve(result),
      (error) => this.#reject(error),
    );
  }

  override fail(error: Error): void {
    this.#reject(error);
  }
}

/**
 * Applies a proposal's operation, in this turn or over several, and answers with the result or why it was refused: refusals
 * are results; a broken invariant is thrown on, or rejects, and must reach the loop, which stops the member.
 */
export function answerWhenApplied<Result>(
  apply: () => Result | Promise<Result>,
  answer: (result: Result) => void,
  refuse: (error: Error) => void,
): Promise<void> | undefined {
  const refused = (error: unknown): undefined => {
    if (!(error instanceof RequestError)) throw error;
    refuse(error);
  };
  let result: Result | Promise<Result>;
  try {
    result = apply();
  } catch (error) {
    return refused(error);
  }
  if (result instanceof Promise) return result.then(answer, refused);
  answer(result);
  return undefined;
}
