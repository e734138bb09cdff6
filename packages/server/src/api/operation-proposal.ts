import { Proposal } from "../consensus/proposal.ts";
import { RequestError } from "../errors.ts";
import type { Caller } from "../operations/caller.ts";
import { execute, type Operation } from "../operations/operation.ts";
import type { ReplicatedState } from "../operations/state.ts";

/** Passes on what became of proposals: one object for many of them. `to` is whoever waits for one. */
export interface Outcomes<Outcome, To> {
  /** Never throws: the entry is applied, and what cannot be answered concerns nobody but who waits. */
  applied(to: To, outcome: Outcome, costBytes: number): void;
  refused(to: To, error: Error): void;
}

/** An operation on its way through the log, and who waits for what becomes of it. */
export class OperationProposal<Request, Outcome, To> extends Proposal {
  readonly #operation: Operation<Request, Outcome>;
  readonly #request: Request;
  readonly #costBytes: number;
  readonly #caller: Caller;
  readonly #outcomes: Outcomes<Outcome, To>;
  readonly #to: To;

  /** `data` is the entry's payload, and says the same as `request` and `caller`. */
  constructor(
    data: Uint8Array,
    operation: Operation<Request, Outcome>,
    request: Request,
    costBytes: number,
    caller: Caller,
    outcomes: Outcomes<Outcome, To>,
    to: To,
    leaderOnly = false,
  ) {
    super(data, leaderOnly);
    this.#operation = operation;
    this.#request = request;
    this.#costBytes = costBytes;
    this.#caller = caller;
    this.#outcomes = outcomes;
    this.#to = to;
  }

  /** Refusals are results; a broken invariant is thrown on, or rejects, and must reach the loop, which stops the member. */
  override apply(state: ReplicatedState): Promise<void> | undefined {
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = execute(this.#operation, state, this.#request, this.#costBytes, this.#caller, true);
    } catch (error) {
      this.#refused(error);
      return undefined;
    }
    if (outcome instanceof Promise) {
      return outcome.then(
        (later) => this.#applied(later),
        (error: unknown) => this.#refused(error),
      );
    }
    this.#applied(outcome);
    return undefined;
  }

  override get field(): number {
    return this.#operation.field;
  }

  override fail(error: Error): void {
    this.#outcomes.refused(this.#to, error);
  }

  #applied(outcome: Outcome): void {
    this.#outcomes.applied(this.#to, outcome, this.#costBytes);
  }

  #refused(error: unknown): void {
    if (!(error instanceof RequestError)) throw error;
    this.fail(error);
  }
}
