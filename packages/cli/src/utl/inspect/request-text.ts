import { decodeInternalRequest, InternalField } from "@quorate/wire/hot";
import {
  CompactionRequest,
  type Compare,
  DeleteRangeRequest,
  decodeMessage,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
} from "@quorate/wire/messages";
import { quote } from "../../go-text/quote.ts";

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(InternalField).map(([name, field]) => [field, name]),
);
/** Of a key or value. */
const LONGEST_BYTES = 120;
const MOST_OPERATIONS = 10;

/** What an entry has a member do, in a line. Throws WireError when that cannot be read. */
export function requestText(data: Uint8Array): string {
  if (data.length === 0) return "nothing: a leader's first entry";
  const { id, username, field, body } = decodeInternalRequest(data);
  const name = NAMES.get(field) ?? `field ${field}`;
  const by = username === "" ? "" : ` by user ${quote(username)}`;
  const details = detailsOf(field, body);
  return `${name}${details === "" ? "" : ` ${details}`}${by}, request ${BigInt.asUintN(64, id).toString(16)}`;
}

/** Of requests that have passwords or tokens in them, no more is told than their names. */
function detailsOf(field: number, body: Uint8Array): string {
  switch (field) {
    case InternalField.range:
      return rangeText(decodeMessage(RangeRequest, body));
    case InternalField.put:
      return putText(decodeMessage(PutRequest, body));
    case InternalField.deleteRange:
      return rangeText(decodeMessage(DeleteRangeRequest, body));
    case InternalField.txn:
      return txnText(decodeMessage(TxnRequest, body));
    case InternalField.compaction:
      return `revision ${decodeMessage(CompactionRequest, body).revision}`;
    case InternalField.leaseGrant: {
      const { ID, TTL } = decodeMessage(LeaseGrantRequest, body);
      return `${leaseText(ID)} for ${TTL} s`;
    }
    case InternalField.leaseRevoke:
      return leaseText(decodeMessage(LeaseRevokeRequest, body).ID);
    default:
      return `(${body.length} bytes)`;
  }
}

function putText({ key, value, lease }: PutRequest): string {
  return `${shortened(key)} = ${shortened(value)}${lease === 0n ? "" : ` ${leaseText(lease)}`}`;
}

function rangeText({ key, rangeEnd }: Pick<RangeRequest, "key" | "rangeEnd">): string {
  return rangeEnd.length === 0 ? shortened(key) : `${shortened(key)} to ${shortened(rangeEnd)}`;
}

function txnText({ compare, success, failure }: TxnRequest): string {
  const conditions = listText(compare.map(({ key, rangeEnd }: Compare) => rangeText({ key, rangeEnd })));
  const [then, otherwise] = [success, failure].map((operations) => listText(operations.map(operationText)));
  return `if ${conditions} then ${then} else ${otherwise}`;
}

function operationText({ requestRange, requestPut, requestDeleteRange, requestTxn }: RequestOp): string {
  if (requestPut !== undefined) return `put ${putText(requestPut)}`;
  if (requestDeleteRange !== undefined) return `delete ${rangeText(requestDeleteRange)}`;
  if (requestRange !== undefined) return `range ${rangeText(requestRange)}`;
  return requestTxn === undefined
    ? "nothing"
    : `txn of ${requestTxn.success.length + requestTxn.failure.length}`;
}

function listText(items: readonly string[]): string {
  const rest = items.length - MOST_OPERATIONS;
  return `[${[...items.slice(0, MOST_OPERATIONS), ...(rest > 0 ? [`and ${rest} more`] : [])].join("; ")}]`;
}

function shortened(bytes: Uint8Array): string {
  if (bytes.length <= LONGEST_BYTES) return quote(bytes);
  return `${quote(bytes.subarray(0, LONGEST_BYTES))}… (${bytes.length} bytes)`;
}

function leaseText(id: bigint): string {
  return `lease ${BigInt.asUintN(64, id).toString(16).padStart(16, "0")}`;
}
