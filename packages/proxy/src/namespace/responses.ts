import type {
  DeleteRangeResponse,
  Event,
  KeyValue,
  LeaseTimeToLiveResponse,
  PutResponse,
  RangeResponse,
  ResponseOp,
  TxnResponse,
} from "@quorate/wire/messages";
import type { Prefix } from "./prefix.ts";

/** Responses as the proxy's clients are to have them. */
export function strippedRange(prefix: Prefix, response: RangeResponse): RangeResponse {
  return { ...response, kvs: response.kvs.map((kv) => strippedKv(prefix, kv)) };
}

export function strippedPut(prefix: Prefix, response: PutResponse): PutResponse {
  const { prevKv } = response;
  return { ...response, prevKv: prevKv && strippedKv(prefix, prevKv) };
}

export function strippedDelete(prefix: Prefix, response: DeleteRangeResponse): DeleteRangeResponse {
  return { ...response, prevKvs: response.prevKvs.map((kv) => strippedKv(prefix, kv)) };
}

export function strippedTxn(prefix: Prefix, response: TxnResponse): TxnResponse {
  return { ...response, responses: response.responses.map((each) => strippedOp(prefix, each)) };
}

export function strippedEvent(prefix: Prefix, event: Event): Event {
  const { kv, prevKv } = event;
  return { ...event, kv: kv && strippedKv(prefix, kv), prevKv: prevKv && strippedKv(prefix, prevKv) };
}

/** A lease may have keys of others. */
export function strippedLease(prefix: Prefix, response: LeaseTimeToLiveResponse): LeaseTimeToLiveResponse {
  const own = response.keys.filter((key) => prefix.owns(key));
  return { ...response, keys: own.map((key) => prefix.strip(key)) };
}

function strippedOp(prefix: Prefix, op: ResponseOp): ResponseOp {
  const { responseRange, responsePut, responseDeleteRange, responseTxn } = op;
  return {
    responseRange: responseRange && strippedRange(prefix, responseRange),
    responsePut: responsePut && strippedPut(prefix, responsePut),
    responseDeleteRange: responseDeleteRange && strippedDelete(prefix, responseDeleteRange),
    responseTxn: responseTxn && strippedTxn(prefix, responseTxn),
  };
}

function strippedKv(prefix: Prefix, kv: KeyValue): KeyValue {
  return { ...kv, key: prefix.strip(kv.key) };
}
