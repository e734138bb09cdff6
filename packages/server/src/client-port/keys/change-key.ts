import { decodeKeyValue } from "@quorate/wire/hot";
import {
  type Compare,
  DeleteRangeRequest,
  decodeMessage,
  encodeMessage,
  type Init,
  PutRequest,
  type RequestOp,
  ResponseHeader,
  TxnRequest,
} from "@quorate/wire/messages";
import { RequestError } from "../../errors.ts";
import { comparisonsOf, etagOf } from "./conditions.ts";
import { ConditionFailed, type Header, JSON_TYPE, type KeyExchange, type Reply } from "./key-exchange.ts";
import type { KeyRequest } from "./key-request.ts";
import { fieldOf } from "./message-fields.ts";
import { beginOfPrefix, endOfPrefix } from "./octets.ts";
import { recordText } from "./record-text.ts";

const PUT = "/etcdserverpb.KV/Put";
const DELETE_RANGE = "/etcdserverpb.KV/DeleteRange";
const TXN = "/etcdserverpb.KV/Txn";
/** Fields of responses. */
const HEADER = 1;
const PREV_KV_OF_PUT = 2;
const DELETED = 2;
const PREV_KVS_OF_DELETE = 3;
const SUCCEEDED = 2;
const RESPONSES = 3;
const KVS = 2;
/** Of an answer in a transaction. */
const RESPONSE_RANGE = 1;
const RESPONSE_PUT = 2;
const RESPONSE_DELETE_RANGE = 3;

/** `PUT /kv/<key>`: the body is the value. */
export async function putKey(exchange: KeyExchange, request: KeyRequest): Promise<void> {
  const { key, parameters } = request;
  const comparisons = comparisonsOf(exchange.request, key);
  const put = {
    key,
    value: await exchange.readBody(),
    lease: parameters.lease ?? 0n,
    prevKv: parameters.prev ?? false,
  };
  const { revision, parts } =
    comparisons.length === 0
      ? outcome(await exchange.unary(PUT, encodeMessage(PutRequest, put)))
      : await onlyIf(exchange, key, comparisons, { requestPut: put }, RESPONSE_PUT);
  const headers: Header[] = [JSON_TYPE, ["ETag", etagOf(revision)]];
  exchange.answerPieces(
    200,
    headers,
    changeText(`"revision":${revision}`, fieldOf(parts, PREV_KV_OF_PUT)?.bytes),
  );
}

/** `DELETE /kv/<key>`, or with `?prefix` of all that begin with it. */
export async function deleteKey(exchange: KeyExchange, { key, parameters }: KeyRequest): Promise<void> {
  const comparisons = comparisonsOf(exchange.request, key);
  const { prefix = false, prev: prevKv = false } = parameters;
  if (prefix && comparisons.length > 0) throw new RequestError("CONDITION_ON_MANY");
  const deletion = prefix ? { key: beginOfPrefix(key), rangeEnd: endOfPrefix(key) } : { key, prevKv };
  const { revision, parts } =
    comparisons.length === 0
      ? outcome(await exchange.unary(DELETE_RANGE, encodeMessage(DeleteRangeRequest, deletion)))
      : await onlyIf(exchange, key, comparisons, { requestDeleteRange: deletion }, RESPONSE_DELETE_RANGE);
  const deleted = fieldOf(parts, DELETED)?.value ?? 0n;
  if (deleted === 0n && !prefix) throw new RequestError("NO_SUCH_KEY");
  const previous = fieldOf(parts, PREV_KVS_OF_DELETE)?.bytes;
  exchange.answerPieces(
    200,
    [JSON_TYPE],
    changeText(`"revision":${revision},"deleted":${deleted}`, previous),
  );
}

interface Outcome {
  readonly revision: number;
  /** Of the response to the change itself. */
  readonly parts: readonly Uint8Array[];
}

function outcome({ parts }: Reply): Outcome {
  const header = fieldOf(parts, HEADER)?.bytes ?? new Uint8Array(0);
  return { revision: Number(decodeMessage(ResponseHeader, header).revision), parts };
}

/** Makes the change in a transaction. Throws ConditionFailed when a comparison does not hold. */
async function onlyIf(
  exchange: KeyExchange,
  key: Uint8Array,
  compare: readonly Init<Compare>[],
  change: Init<RequestOp>,
  answeredIn: number,
): Promise<Outcome> {
  const failure = [{ requestRange: { key, keysOnly: true } }];
  const message = encodeMessage(TxnRequest, { compare, success: [change], failure });
  const reply = await exchange.unary(TXN, message);
  const response = fieldOf(reply.parts, RESPONSES)?.bytes ?? new Uint8Array(0);
  if (fieldOf(reply.parts, SUCCEEDED)?.value === 1n) {
    const parts = [fieldOf([response], answeredIn)?.bytes ?? new Uint8Array(0)];
    return { revision: outcome(reply).revision, parts };
  }
  const range = fieldOf([response], RESPONSE_RANGE)?.bytes ?? new Uint8Array(0);
  const record = fieldOf([range], KVS)?.bytes;
  throw new ConditionFailed(record === undefined ? undefined : etagOf(decodeKeyValue(record).modRevision));
}

function* changeText(what: string, previous: Uint8Array | undefined): Generator<string, void, undefined> {
  yield `{${what}`;
  if (previous !== undefined) {
    yield ',"prev":';
    yield* recordText(decodeKeyValue(previous));
  }
  yield "}\n";
}
