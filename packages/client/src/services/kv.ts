import {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  type Init,
  type KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RangeStreamResponse,
  TxnRequest,
  TxnResponse,
} from "@quorate/wire/messages";
import { type Calls, method } from "../connection/calls.ts";
import type { RequestOptions } from "../connection/deadline.ts";
import { isReadOnly } from "./read-only.ts";

const RANGE = method("KV", "Range", RangeRequest, RangeResponse, "safe");
const RANGE_STREAM = method("KV", "RangeStream", RangeRequest, RangeStreamResponse, "safe");
const PUT = method("KV", "Put", PutRequest, PutResponse, "once");
const DELETE_RANGE = method("KV", "DeleteRange", DeleteRangeRequest, DeleteRangeResponse, "once");
const TXN = method("KV", "Txn", TxnRequest, TxnResponse, "once");
const TXN_THAT_READS = method("KV", "Txn", TxnRequest, TxnResponse, "safe");
const COMPACT = method("KV", "Compact", CompactionRequest, CompactionResponse, "once");

/** Keys and their values. Every method rejects with a ClientError. */
export class Kv {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** One key as it is now; undefined when there is none. */
  async get(key: Uint8Array | string, options?: RequestOptions): Promise<KeyValue | undefined> {
    return (await this.range({ key }, options)).kvs[0];
  }

  range(request: Init<RangeRequest>, options?: RequestOptions): Promise<RangeResponse> {
    return this.#calls.unary(RANGE, request, options);
  }

  /** The same in several answers, which a member sends as it reads: for ranges that are too large for one. */
  async *rangeStream(
    request: Init<RangeRequest>,
    options?: RequestOptions,
  ): AsyncGenerator<RangeResponse, void> {
    for await (const { rangeResponse } of this.#calls.answers(RANGE_STREAM, request, options)) {
      if (rangeResponse !== undefined) yield rangeResponse;
    }
  }

  put(request: Init<PutRequest>, options?: RequestOptions): Promise<PutResponse> {
    return this.#calls.unary(PUT, request, options);
  }

  deleteRange(request: Init<DeleteRangeRequest>, options?: RequestOptions): Promise<DeleteRangeResponse> {
    return this.#calls.unary(DELETE_RANGE, request, options);
  }

  txn(request: Init<TxnRequest>, options?: RequestOptions): Promise<TxnResponse> {
    return this.#calls.unary(isReadOnly(request) ? TXN_THAT_READS : TXN, request, options);
  }

  compact(request: Init<CompactionRequest>, options?: RequestOptions): Promise<CompactionResponse> {
    return this.#calls.unary(COMPACT, request, options);
  }
}
