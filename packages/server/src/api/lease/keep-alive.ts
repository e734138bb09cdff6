import type { ServerCall } from "@quorate/rpc/server";
import { decodeLeaseId, encodeLeaseTtl } from "@quorate/wire/hot";
import { FAILURES } from "../../errors.ts";
import { CALL_NEEDS } from "../../operations/call-needs.ts";
import type { LeaderMonitor } from "../../watch/leader-monitor.ts";
import { callerOf } from "../callers.ts";
import type { RenewContext } from "../context.ts";
import { failCall, requestOfStream } from "../services.ts";
import type { LeaderQuestions } from "./ask-leader.ts";
import { renewLease } from "./renew.ts";

/** Serves one call of LeaseKeepAlive: requests strictly one after another, each with its answer. Hot. */
export class KeepAliveStream {
  readonly #context: RenewContext;
  readonly #questions: LeaderQuestions;
  readonly #call: ServerCall;
  readonly #gone = new AbortController();
  #leave: (() => void) | undefined;

  constructor(context: RenewContext, questions: LeaderQuestions, call: ServerCall) {
    this.#context = context;
    this.#questions = questions;
    this.#call = call;
  }

  start(leaderMonitor: LeaderMonitor): void {
    const call = this.#call;
    if (call.metadata("hasleader") === "true") {
      this.#leave = leaderMonitor.add(() => {
        if (!call.ended) this.#end(() => call.fail(...FAILURES.NO_LEADER));
      });
    }
    call.onMessage = (message) => this.#serve(message);
    // Comes after the last request, and after that has been answered: reading is paused until then.
    call.onHalfClose = () => this.#end(() => call.end());
    call.onDrain = () => call.resumeReading();
    call.onCancel = (reason) => {
      const { measures } = this.#context;
      if (reason === "failed" && measures !== undefined) measures.streamFailures["lease-keepalive"]++;
      this.#end(() => {});
    };
  }

  #serve(message: Uint8Array): void {
    const context = this.#context;
    try {
      const id = requestOfStream(decodeLeaseId, message);
      const { access } = context;
      if (access.isRestricted) CALL_NEEDS.LeaseKeepAlive(id, access.needsOf(callerOf(this.#call)));
      // Taken before the renewal, so that the revision is not above the moment of it.
      const header = context.headers.bytes(context.store.currentRevision);
      const renewed = renewLease(context, this.#questions, id, this.#gone.signal);
      if (typeof renewed === "number") this.#answer(header, id, renewed);
      else this.#answerLater(header, id, renewed);
    } catch (error) {
      this.#end(() => failCall(this.#call, error));
    }
  }

  #answer(header: Uint8Array, id: bigint, ttlSeconds: number): void {
    // A client that does not take its answers is not listened to.
    if (!this.#call.send(encodeLeaseTtl(header, id, ttlSeconds))) this.#call.pauseReading();
  }

  #answerLater(header: Uint8Array, id: bigint, renewal: Promise<number>): void {
    const call = this.#call;
    call.pauseReading();
    renewal
      .then((ttlSeconds) => {
        if (call.ended) return;
        if (call.send(encodeLeaseTtl(header, id, ttlSeconds))) call.resumeReading();
      })
      .catch((error: unknown) => this.#end(() => failCall(call, error)));
  }

  #end(finish: () => void): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#gone.abort();
    finish();
  }
}
