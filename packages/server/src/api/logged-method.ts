import type { ServerCall } from "@quorate/rpc/server";
import type { Caller } from "../operations/caller.ts";
import { encodeEntry, requestStart } from "../operations/entry-payload.ts";
import type { ClientOperation } from "../operations/operation.ts";
import { callerOf } from "./callers.ts";
import type { LoggedMethodContext } from "./context.ts";
import { failForSpace } from "./no-space.ts";
import { OperationProposal, type Outcomes } from "./operation-proposal.ts";
import { checkProposal } from "./propose.ts";
import { failCall } from "./services.ts";

/** A unary method whose operation goes through the log. Hot: no promise and no closure. */
export class LoggedMethod<Request, Outcome> implements Outcomes<Outcome, ServerCall> {
  readonly #operation: ClientOperation<Request, Outcome>;
  readonly #context: LoggedMethodContext;

  constructor(operation: ClientOperation<Request, Outcome>, context: LoggedMethodContext) {
    this.#operation = operation;
    this.#context = context;
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
    const operation = this.#operation;
    checkProposal(this.#context, operation, data);
    const cost = operation.costBytes(request);
    this.#context.consensus.propose(
      new OperationProposal(data, operation, request, cost, caller, this, call),
    );
  }

  /** This member may have run out of space meanwhile: the operation has its effect, and the caller is told. */
  applied(call: ServerCall, outcome: Outcome, costBytes: number): void {
    const { headers, quota } = this.#context;
    if (!quota.fits(costBytes)) {
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
