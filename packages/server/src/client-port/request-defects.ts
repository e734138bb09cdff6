import { RaftInvariantError } from "@quorate/raft";
import { RpcInvariantError } from "@quorate/rpc/server";
import { AssertionFailure } from "@quorate/storage/assert";
import type { Logger } from "../log/logger.ts";

/**
 * Where what nobody has foreseen ends up when it happens on the way of a request: it is logged and counted, and costs that
 * request and no other. A broken invariant ends the member.
 */
export class RequestDefects {
  /** So many so far. */
  count = 0;
  readonly #log: Logger;
  readonly #fail: (error: Error) => void;

  /** `fail` ends the member. */
  constructor(log: Logger, fail: (error: Error) => void) {
    this.#log = log;
    this.#fail = fail;
  }

  /** `request` names the method or path that was asked for; empty when that is not known. */
  report(error: unknown, request: string): void {
    this.count++;
    this.#log.error("a request failed for a defect of the server", {
      request,
      error: String((error as Error)?.stack ?? error),
    });
    if (isBrokenInvariant(error)) this.#fail(error);
  }
}

/** `raft` and `rpc` import nothing, and have errors of their own for it. */
function isBrokenInvariant(error: unknown): error is Error {
  return (
    error instanceof AssertionFailure ||
    error instanceof RaftInvariantError ||
    error instanceof RpcInvariantError
  );
}
