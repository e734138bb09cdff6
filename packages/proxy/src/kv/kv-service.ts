import type { GrpcServer } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";
import {
  CompactionRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  MessageTable,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  ResponseHeader,
  TxnRequest,
  TxnResponse,
} from "@quorate/wire/messages";
import type { KeyRange } from "../cache/key-range.ts";
import type { RangeCache } from "../cache/range-cache.ts";
import { answering } from "../forwarding/unary.ts";
import type { LeasingKv } from "../leasing/leasing-kv.ts";
import type { Members, OnwardCall } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { prefixedPut, prefixedRange, prefixedTxn } from "../namespace/requests.ts";
import { strippedDelete, strippedPut, strippedRange, strippedTxn } from "../namespace/responses.ts";
import { OrderedReads } from "./ordered.ts";

const SERVICE = "/etcdserverpb.KV";

export interface KvOptions {
  readonly members: Members;
  readonly cache: RangeCache;
  readonly prefix: Prefix;
  /** Reads never go back in time. */
  readonly ordered: boolean;
  /** How keys are owned, if they are. */
  readonly leasing: LeasingKv | undefined;
}

/** Reads and writes of keys. Requests whose keys stay as they are go to a member as they came. */
export class KvService {
  readonly #members: Members;
  readonly #cache: RangeCache;
  readonly #prefix: Prefix;
  readonly #order: OrderedReads | undefined;
  readonly #leasing: LeasingKv | undefined;

  constructor({ members, cache, prefix, ordered, leasing }: KvOptions) {
    this.#members = members;
    this.#cache = cache;
    this.#prefix = prefix;
    this.#order = ordered ? new OrderedReads() : undefined;
    this.#leasing = leasing;
  }

  register(server: GrpcServer): void {
    server.unary(
      `${SERVICE}/Range`,
      answering((message, onward) => this.#range(message, onward)),
    );
    server.unary(
      `${SERVICE}/Put`,
      answering((message, onward) => this.#put(message, onward)),
    );
    server.unary(
      `${SERVICE}/DeleteRange`,
      answering((message, onward) => this.#delete(message, onward)),
    );
    server.unary(
      `${SERVICE}/Txn`,
      answering((message, onward) => this.#txn(message, onward)),
    );
    server.unary(
      `${SERVICE}/Compact`,
      answering((message, onward) => this.#compact(message, onward)),
    );
    server.stream(`${SERVICE}/RangeStream`, (call) =>
      call.fail(Code.UNIMPLEMENTED, "RangeStream is not supported by the gRPC proxy"),
    );
  }

  async #range(message: Uint8Array, onward: OnwardCall): Promise<Uint8Array> {
    const request = decodeMessage(RangeRequest, message);
    // What one user may read another one may not, and either may change at any time.
    if (isNamed(onward)) return this.#read(message, request, onward);
    const owned = this.#leasing?.recall(request);
    if (owned !== undefined) return encodeMessage(RangeResponse, owned);
    if (request.serializable) {
      const kept = this.#cache.get(request);
      if (kept !== undefined && this.#isNewEnough(kept)) return kept;
    }
    const reading = this.#cache.begun(request);
    let response: Uint8Array | undefined;
    try {
      const acquired = await this.#leasing?.acquire(request, onward);
      if (acquired === undefined) response = await this.#read(message, request, onward);
      else {
        this.#order?.saw(acquired.header?.revision ?? 0n);
        response = encodeMessage(RangeResponse, acquired);
      }
      return response;
    } finally {
      this.#cache.ended(reading, request, response);
    }
  }

  #read(message: Uint8Array, request: RangeRequest, onward: OnwardCall): Promise<Uint8Array> {
    const prefix = this.#prefix;
    const onwardMessage = prefix.isEmpty
      ? message
      : encodeMessage(RangeRequest, prefixedRange(prefix, request));
    return this.#inOrder(async () => {
      const response = await this.#members.unary(`${SERVICE}/Range`, onwardMessage, onward, true);
      this.#leasing?.saw(headerOf(response));
      if (prefix.isEmpty) return response;
      return encodeMessage(RangeResponse, strippedRange(prefix, decodeMessage(RangeResponse, response)));
    });
  }

  async #put(message: Uint8Array, onward: OnwardCall): Promise<Uint8Array> {
    const request = decodeMessage(PutRequest, message);
    const prefix = this.#prefix;
    return this.#writing([{ key: request.key, rangeEnd: NO_END }], async () => {
      if (this.#leasing !== undefined)
        return encodeMessage(PutResponse, await this.#leasing.put(request, onward));
      if (prefix.isEmpty) return this.#members.unary(`${SERVICE}/Put`, message, onward, false);
      const prefixed = encodeMessage(PutRequest, prefixedPut(prefix, request));
      const response = await this.#members.unary(`${SERVICE}/Put`, prefixed, onward, false);
      return encodeMessage(PutResponse, strippedPut(prefix, decodeMessage(PutResponse, response)));
    });
  }

  async #delete(message: Uint8Array, onward: OnwardCall): Promise<Uint8Array> {
    const request = decodeMessage(DeleteRangeRequest, message);
    const prefix = this.#prefix;
    return this.#writing([request], async () => {
      if (this.#leasing !== undefined) {
        return encodeMessage(DeleteRangeResponse, await this.#leasing.delete(request, onward));
      }
      if (prefix.isEmpty) return this.#members.unary(`${SERVICE}/DeleteRange`, message, onward, false);
      const prefixed = encodeMessage(DeleteRangeRequest, prefixedRange(prefix, request));
      const response = await this.#members.unary(`${SERVICE}/DeleteRange`, prefixed, onward, false);
      const stripped = strippedDelete(prefix, decodeMessage(DeleteRangeResponse, response));
      return encodeMessage(DeleteRangeResponse, stripped);
    });
  }

  async #txn(message: Uint8Array, onward: OnwardCall): Promise<Uint8Array> {
    const request = decodeMessage(TxnRequest, message);
    const prefix = this.#prefix;
    const ask = async (): Promise<Uint8Array> => {
      if (this.#leasing !== undefined && !isReadOnly(request)) {
        return encodeMessage(TxnResponse, await this.#leasing.txn(request, onward));
      }
      const onwardMessage = prefix.isEmpty
        ? message
        : encodeMessage(TxnRequest, prefixedTxn(prefix, request));
      const response = await this.#members.unary(
        `${SERVICE}/Txn`,
        onwardMessage,
        onward,
        isReadOnly(request),
      );
      this.#leasing?.saw(headerOf(response));
      if (prefix.isEmpty) return response;
      return encodeMessage(TxnResponse, strippedTxn(prefix, decodeMessage(TxnResponse, response)));
    };
    if (isReadOnly(request)) return this.#inOrder(ask);
    // A comparison that fails tells that somebody else has written.
    return this.#writing([...request.compare, ...writtenBy(request)], ask);
  }

  async #compact(message: Uint8Array, onward: OnwardCall): Promise<Uint8Array> {
    const { revision } = decodeMessage(CompactionRequest, message);
    const response = await this.#members.unary(`${SERVICE}/Compact`, message, onward, false);
    this.#cache.compacted(revision);
    return response;
  }

  /** Before, so that nobody reads from the cache what is about to change, and again when it may have changed. */
  async #writing(ranges: readonly KeyRange[], write: () => Promise<Uint8Array>): Promise<Uint8Array> {
    for (const range of ranges) this.#cache.invalidate(range);
    try {
      const response = await write();
      this.#order?.saw(revisionOf(response));
      return response;
    } finally {
      for (const range of ranges) this.#cache.invalidate(range);
    }
  }

  #isNewEnough(response: Uint8Array): boolean {
    return this.#order === undefined || revisionOf(response) >= this.#order.revision;
  }

  #inOrder(ask: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (this.#order === undefined) return ask();
    const leave = () => this.#members.leaveCurrent();
    return this.#order.newest(ask, revisionOf, leave, this.#members.endpoints.length);
  }
}

interface WithHeader {
  readonly header: ResponseHeader | undefined;
}
/** What all responses have in common. */
const WithHeader: MessageTable<WithHeader> = new MessageTable("WithHeader", () => [
  ["header", 1, MESSAGE, ResponseHeader],
]);

function headerOf(response: Uint8Array): ResponseHeader | undefined {
  return decodeMessage(WithHeader, response).header;
}

function revisionOf(response: Uint8Array): bigint {
  return headerOf(response)?.revision ?? 0n;
}

const NO_END = new Uint8Array(0);

function isNamed({ metadata }: OnwardCall): boolean {
  return metadata.token !== undefined || metadata.authorization !== undefined;
}

function isReadOnly({ success, failure }: TxnRequest): boolean {
  return [...success, ...failure].every(
    ({ requestRange, requestTxn }) =>
      requestRange !== undefined || (requestTxn !== undefined && isReadOnly(requestTxn)),
  );
}

/** The keys that a transaction may write, in either branch. */
function writtenBy({ success, failure }: TxnRequest): KeyRange[] {
  return [...success, ...failure].flatMap(writtenByOp);
}

function writtenByOp({ requestPut, requestDeleteRange, requestTxn }: RequestOp): KeyRange[] {
  if (requestPut !== undefined) return [{ key: requestPut.key, rangeEnd: NO_END }];
  if (requestDeleteRange !== undefined) return [requestDeleteRange];
  return requestTxn === undefined ? [] : writtenBy(requestTxn);
}
