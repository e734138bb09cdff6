import {
  decodeMessage,
  encodeMessage,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from "@quorate/wire/messages";
import type { Members, OnwardCall } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { prefixedRange, prefixedTxn } from "../namespace/requests.ts";
import { strippedRange, strippedTxn } from "../namespace/responses.ts";

/** Calls to members in the name of a client, whose keys get the namespace there. They reject with a GrpcError. */
export class KvCalls {
  readonly #members: Members;
  readonly #prefix: Prefix;

  constructor(members: Members, prefix: Prefix) {
    this.#members = members;
    this.#prefix = prefix;
  }

  /** One that is `safe` may be made twice. */
  async txn(request: TxnRequest, onward: OnwardCall, safe: boolean): Promise<TxnResponse> {
    const message = encodeMessage(TxnRequest, prefixedTxn(this.#prefix, request));
    const answer = await this.#members.unary("/etcdserverpb.KV/Txn", message, onward, safe);
    return strippedTxn(this.#prefix, decodeMessage(TxnResponse, answer));
  }

  async range(request: RangeRequest, onward: OnwardCall): Promise<RangeResponse> {
    const message = encodeMessage(RangeRequest, prefixedRange(this.#prefix, request));
    const answer = await this.#members.unary("/etcdserverpb.KV/Range", message, onward, true);
    return strippedRange(this.#prefix, decodeMessage(RangeResponse, answer));
  }
}
