import type { ServerCall } from "@quorate/rpc/server";
import { DEFAULT_SLICE_LIMITS } from "@quorate/storage/slices";
import { keepRequest, type TxnRequest } from "@quorate/wire/hot";
import { isReadOnlyTxn, isSerializableTxn } from "../../mvcc/txn/check.ts";
import type { TxnOutcome } from "../../mvcc/txn/outcome.ts";
import type { UnreadTxn } from "../../mvcc/txn/unread.ts";
import { answerReadOnlyTxn, needsOfTxn, TXN } from "../../operations/txn.ts";
import { callerOf, identified } from "../callers.ts";
import type { KvContext } from "../context.ts";
import { LoggedMethod } from "../logged-method.ts";
import type { LongEntries } from "../long-entries.ts";
import { failCall } from "../services.ts";

/** To decode and check a request of more bytes, up to a millisecond for each 8 KiB, takes a turn of the loop by itself. */
const LARGE_BYTES = 16_384;

/** `KV.Txn`: one that only reads is served here like a range, any other goes through the log. */
export class TxnMethod {
  readonly #context: KvContext;
  readonly #writing: LoggedMethod<TxnRequest, TxnOutcome | UnreadTxn>;

  constructor(context: KvContext, longEntries: LongEntries) {
    this.#context = context;
    this.#writing = new LoggedMethod(TXN, context, longEntries);
  }

  serve(message: Uint8Array, call: ServerCall): void {
    const owned = keepRequest(message);
    if (owned.length <= LARGE_BYTES) this.#begin(owned, call);
    else void this.#beginLater(owned, call);
  }

  async #beginLater(owned: Uint8Array, call: ServerCall): Promise<void> {
    const { reading } = this.#context.store;
    await reading.next();
    reading.spend(DEFAULT_SLICE_LIMITS.turn);
    if (this.#context.access.isRestricted) await identified(call);
    if (call.ended) return;
    try {
      this.#begin(owned, call);
    } catch (error) {
      failCall(call, error);
    }
  }

  #begin(owned: Uint8Array, call: ServerCall): void {
    const request = TXN.decode(owned, 0, owned.length);
    const caller = callerOf(call);
    if (!this.#writing.admits(request, caller, call)) return;
    if (isReadOnlyTxn(request)) this.#read(request, call);
    else this.#writing.proposeMessage(owned, request, caller, call);
  }

  #read(request: TxnRequest, call: ServerCall): void {
    const { access, consensus, headers, measures, store } = this.#context;
    const times = measures.readOnlyTxns;
    const beganMs = times.begin();
    const answer = () => {
      if (call.ended) {
        times.abandoned();
        return;
      }
      const readBeganMs = times.beginRead(beganMs);
      let later: Promise<void> | undefined;
      try {
        const needs = access.isRestricted ? access.needsOf(callerOf(call)) : undefined;
        if (needs !== undefined) {
          needsOfTxn(request, needs);
          needs.unchanged();
        }
        later = answerReadOnlyTxn(headers, store, request, call, needs);
      } catch (error) {
        times.refused();
        failCall(call, error);
        return;
      }
      if (later === undefined) times.succeeded(beganMs, readBeganMs);
      else times.follow(beganMs, readBeganMs, later).catch((error: unknown) => failCall(call, error));
    };
    const fail = (error: Error, sinceMs: number) => {
      times.neverRead(sinceMs);
      failCall(call, error);
    };
    if (isSerializableTxn(request)) answer();
    else {
      const ready = () => {
        const later = access.isRestricted ? identified(call) : undefined;
        if (later === undefined) answer();
        else void later.then(answer);
      };
      consensus.read({ ready, fail });
    }
  }
}
