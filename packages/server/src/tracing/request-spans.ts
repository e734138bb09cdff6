import {
  CompactionRequest,
  DeleteRangeRequest,
  decodeMessage,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseRevokeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
  WatchRequest,
} from "@quorate/wire/messages";

/** What a span says of a request: under etcd's name, with etcd's attributes. */
export interface RequestSpan {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

type Describe = (message: Uint8Array) => RequestSpan | undefined;

/** Of calls with one request. */
const UNARY: Readonly<Record<string, Describe>> = {
  "/etcdserverpb.KV/Range": (message) => {
    const { keysOnly, ...request } = decodeMessage(RangeRequest, message);
    return { name: "range", attributes: { ...rangeAttributes(request), keys_only: keysOnly } };
  },
  "/etcdserverpb.KV/Put": (message) => {
    const { key } = decodeMessage(PutRequest, message);
    return { name: "put", attributes: { key: text(key) } };
  },
  "/etcdserverpb.KV/DeleteRange": (message) => {
    const { key, rangeEnd } = decodeMessage(DeleteRangeRequest, message);
    return { name: "delete_range", attributes: { range_begin: text(key), range_end: text(rangeEnd) } };
  },
  "/etcdserverpb.KV/Txn": (message) => {
    return { name: "txn", attributes: txnAttributes(decodeMessage(TxnRequest, message)) };
  },
  "/etcdserverpb.KV/Compact": (message) => {
    const { physical, revision } = decodeMessage(CompactionRequest, message);
    return { name: "compact", attributes: { is_physical: physical, rev: Number(revision) } };
  },
  "/etcdserverpb.Lease/LeaseGrant": (message) => {
    const { ID, TTL } = decodeMessage(LeaseGrantRequest, message);
    return { name: "lease_grant", attributes: { id: idOf(ID), ttl: Number(TTL) } };
  },
  "/etcdserverpb.Lease/LeaseRevoke": (message) => {
    const { ID } = decodeMessage(LeaseRevokeRequest, message);
    return { name: "lease_revoke", attributes: { id: idOf(ID) } };
  },
};

/** Of each request of a stream. */
const STREAMS: Readonly<Record<string, Describe>> = {
  "/etcdserverpb.KV/RangeStream": (message) => {
    return { name: "range_streaming", attributes: rangeAttributes(decodeMessage(RangeRequest, message)) };
  },
  "/etcdserverpb.Lease/LeaseKeepAlive": (message) => {
    const { ID } = decodeMessage(LeaseKeepAliveRequest, message);
    return { name: "lease_renew", attributes: { id: idOf(ID) } };
  },
  "/etcdserverpb.Watch/Watch": (message) => {
    const { createRequest } = decodeMessage(WatchRequest, message);
    if (createRequest === undefined) return undefined;
    const { key, rangeEnd, startRevision, progressNotify, prevKv, fragment } = createRequest;
    const attributes = {
      key: text(key),
      range_end: text(rangeEnd),
      start_rev: Number(startRevision),
      progress_notify: progressNotify,
      prev_kv: prevKv,
      fragment,
    };
    return { name: "watch", attributes };
  },
};

/** undefined for methods, or kinds of requests, of which nothing is told. Throws WireError when the message is none. */
export function describeRequest(
  kind: "unary" | "stream",
  path: string,
  message: Uint8Array,
): RequestSpan | undefined {
  return (kind === "unary" ? UNARY : STREAMS)[path]?.(message);
}

/** Whether anything is told of a method's requests. */
export function isDescribed(kind: "unary" | "stream", path: string): boolean {
  return (kind === "unary" ? UNARY : STREAMS)[path] !== undefined;
}

function rangeAttributes({
  key,
  rangeEnd,
  revision,
  limit,
  countOnly,
}: Pick<RangeRequest, "key" | "rangeEnd" | "revision" | "limit" | "countOnly">) {
  return {
    range_begin: text(key),
    range_end: text(rangeEnd),
    rev: Number(revision),
    limit: Number(limit),
    count_only: countOnly,
  };
}

function txnAttributes({ compare, success, failure }: TxnRequest): RequestSpan["attributes"] {
  const put = success.find(({ requestPut }) => requestPut !== undefined)?.requestPut;
  return {
    compare_first_key: firstText(compare.map(({ key }) => key)),
    success_first_key: firstText(success.map(keyOf)),
    success_first_type: success.map(typeOf).find((type) => type !== "") ?? "",
    success_first_lease: put === undefined ? -1 : idOf(put.lease),
    compare_len: compare.length,
    success_len: success.length,
    failure_len: failure.length,
    read_only: [...success, ...failure].every(isReadOnly),
  };
}

function keyOf({ requestRange, requestPut, requestDeleteRange }: RequestOp): Uint8Array | undefined {
  return (requestRange ?? requestPut ?? requestDeleteRange)?.key;
}

/** The first that is not empty. */
function firstText(keys: readonly (Uint8Array | undefined)[]): string {
  return text(keys.find((key) => key !== undefined && key.length > 0));
}

/** A number in digits where a span's would not be the same. */
function idOf(id: bigint): number | string {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : String(id);
}

function typeOf({ requestRange, requestPut, requestDeleteRange, requestTxn }: RequestOp): string {
  if (requestRange !== undefined) return "range";
  if (requestPut !== undefined) return "put";
  if (requestDeleteRange !== undefined) return "delete_range";
  return requestTxn === undefined ? "" : "txn";
}

function isReadOnly({ requestRange, requestTxn }: RequestOp): boolean {
  if (requestRange !== undefined) return true;
  return requestTxn !== undefined && [...requestTxn.success, ...requestTxn.failure].every(isReadOnly);
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}
