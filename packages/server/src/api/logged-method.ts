import type { ServerCall } from "@quorate/rpc/server";
import type { Caller } from "../operations/caller.ts";
import { encodeEntry, requestStart } from "../operations/entry-payload.ts";
import type { ClientOperation } from "../operations/operation.ts";
import { callerOf } from "./callers.ts";
import type { LoggedMethodContext } from "./context.ts";
import type { LongEntries } from "./long-entries.ts";
import { failForSpace } from "./no-space.ts";
import { OperationProposal, type Outcomes } from "./operation-proposal.ts";
import { checkProposal } from "./propose.ts";
import { failCall } from "./services.ts";

/** A unary method whose operation goes through the log. Hot: no promise and no closure. */
export class LoggedMethod<Request, Outcome> implements Outcomes<Outcome, ServerCall> {
  readonly #operation: ClientOperation<Request, Outcome>;
  readonly #context: LoggedMethodContext;
  readonly #longEntries: LongEntries | undefined;

  /** `longEntries` are those of all methods whose entries may be long. */
  constructor(
    operation: ClientOperation<Request, Outcome>,
    context: LoggedMethodContext,
    longEntries?: LongEntries,
  ) {
    this.#operation = operation;
    this.#context = context;
    this.#longEntries = longEntries;
  }

  /** Serves a call as its client's bytes say: they are copied once, into the log entry. */
  serve(message: Uint8Array, call: ServerCall): void {
    const { decode, field } = this.#operation;
    const caller = callerOf(call);
    const data = encodeEntry(field, message, this.#context.ids.next(), caller);
    const start = requestStart(data, field, message.length);
    const request = decode(data, start, start + message.length);
    if (this.admits(request, caller, call)) this.propose(data, request, caller, call);
  }

  /** Whether a request may be proposed, in etcd's order of checks. Fails the call or throws RequestError otherwise. */
  admits(request: Request, caller: Caller, call: ServerCall): boolean {
    const { access, config, quota } = this.#context;
    const operation = this.#operation;
    if (!quota.fits(operation.costBytes(request))) {
      failForSpace(this.#context, call);
      return false;
    }
    operation.check(request, config);
    if (access.isRestricted) operation.needsOfProposer(request, access.needsOf(caller));
    return true;
  }

  /** As `propose`, of a `message` that this member has made. */
  proposeMessage(message: Uint8Array, request: Request, caller: Caller, call: ServerCall): void {
    const data = encodeEntry(this.#operation.field, message, this.#context.ids.next(), caller);
    this.propose(data, request, caller, call);
  }

  /** `data` is the entry of `request`, which was admitted. Throws RequestError. */
  propose(data: Uint8Array, request: Request, caller: Caller, call: ServerCall): void {
    const longEntries = this.#longEntries;
    if (longEntries?.isLong(this.#operation, request)) {
      void this.#proposeInTurn(longEntries, data, request, caller, call);
    } else this.#proposeNow(data, request, caller, call, this);
  }

  /** Behind those of its kind that this member has proposed; the others go on meanwhile. */
  async #proposeInTurn(
    longEntries: LongEntries,
    data: Uint8Array,
    request: Request,
    caller: Caller,
    call: ServerCall,
  ): Promise<void> {
    const turn = longEntries.begin();
    if (turn !== undefined) await turn;
    try {
      if (call.ended) longEntries.end();
      else this.#proposeNow(data, request, caller, call, new TurnEnding(longEntries, this));
    } catch (error) {
      longEntries.end();
      failCall(call, error);
    }
  }

  #proposeNow(
    data: Uint8Array,
    request: Request,
    caller: Caller,
    call: ServerCall,
    outcomes: Outcomes<Outcome, ServerCall>,
  ): void {
    const operation = this.#operation;
    checkProposal(this.#context, operation, data);
    const cost = operation.costBytes(request);
    this.#context.consensus.propose(
      new OperationProposal(data, operation, request, cost, caller, outcomes, call),
    );
  }

  /** This member may have run out of space meanwhile: the operation has its effect, and the caller is told. */
  applied(call: ServerCall, outcome: Outcome, costBytes: number): void {
    const { headers, quota } = this.#context;
    if (!quota.fits(costBytes)) {
      this.#operation.drop?.(outcome);
      failForSpace(this.#context, call);
      return;
    }
    try {
      const later = this.#operation.answer(headers, outcome, call);
      later?.catch((error: unknown) => failCall(call, error));
    } catch (error) {
      call.failWith(error);
    }
  }

  refused(call: ServerCall, error: Error): void {
    failCall(call, error);
  }
}

/** The next long entry may be proposed when something has become of this one. */
class TurnEnding<Outcome> implements Outcomes<Outcome, ServerCall> {
  readonly #longEntries: LongEntries;
  readonly #outcomes: Outcomes<Outcome, ServerCall>;

  constructor(longEntries: LongEntries, outcomes: Outcomes<Outcome, ServerCall>) {
    this.#longEntries = longEntries;
    this.#outcomes = outcomes;
  }

  applied(call: ServerCall, outcome: Outcome, costBytes: number): void {
    this.#longEntries.end();
    this.#outcomes.applied(call, outcome, costBytes);
  }

  refused(call: ServerCall, error: Error): void {
    this.#longEntries.end();
    this.#outcomes.refused(call, error);
  }
}
