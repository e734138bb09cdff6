import { Code, GrpcError } from "@quorate/rpc/status";
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "@quorate/wire/messages";
import type { Prefix } from "./prefix.ts";

interface Ranged {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** A request as the cluster is to have it. Throws GrpcError for an empty key, which would be the prefix itself. */
export function prefixedRange<Request extends RangeRequest | DeleteRangeRequest | Compare>(
  prefix: Prefix,
  request: Request,
): Request {
  return { ...request, ...ranged(prefix, request) };
}

export function prefixedPut(prefix: Prefix, request: PutRequest): PutRequest {
  return { ...request, key: keyOf(prefix, request.key) };
}

export function prefixedTxn(prefix: Prefix, { compare, success, failure }: TxnRequest): TxnRequest {
  return {
    compare: compare.map((each) => prefixedRange(prefix, each)),
    success: success.map((each) => prefixedOp(prefix, each)),
    failure: failure.map((each) => prefixedOp(prefix, each)),
  };
}

function prefixedOp(prefix: Prefix, op: RequestOp): RequestOp {
  const { requestRange, requestPut, requestDeleteRange, requestTxn } = op;
  return {
    requestRange: requestRange && prefixedRange(prefix, requestRange),
    requestPut: requestPut && prefixedPut(prefix, requestPut),
    requestDeleteRange: requestDeleteRange && prefixedRange(prefix, requestDeleteRange),
    requestTxn: requestTxn && prefixedTxn(prefix, requestTxn),
  };
}

function ranged(prefix: Prefix, { key, rangeEnd }: Ranged): Ranged {
  return { key: keyOf(prefix, key), rangeEnd: prefix.end(rangeEnd) };
}

function keyOf(prefix: Prefix, key: Uint8Array): Uint8Array {
  if (key.length === 0) throw new GrpcError(Code.INVALID_ARGUMENT, "etcdserver: key is not provided");
  return prefix.key(key);
}
