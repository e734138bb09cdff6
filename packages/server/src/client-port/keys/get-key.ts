import { Buffer, isUtf8 } from "node:buffer";
import { decodeKeyValue, type KeyValue } from "@quorate/wire/hot";
import { encodeMessage, RangeRequest } from "@quorate/wire/messages";
import { RequestError } from "../../errors.ts";
import { accepts } from "./accept.ts";
import { etagOf, isKnown } from "./conditions.ts";
import { type Header, JSON_TYPE, type KeyExchange } from "./key-exchange.ts";
import type { KeyRequest } from "./key-request.ts";
import { fieldOf } from "./message-fields.ts";
import { recordText } from "./record-text.ts";

export const RANGE = "/etcdserverpb.KV/Range";
/** The field of a range's response. */
const KVS = 2;
/** Larger values are not looked at for whether they are JSON. */
const MOST_JSON_BYTES = 16 * 1024;

/** `GET /kv/<key>`: the value as it is, or with all that is known of the key. */
export async function getKey(exchange: KeyExchange, { key, parameters }: KeyRequest): Promise<void> {
  const { revision = 0, serializable = false } = parameters;
  const message = encodeMessage(RangeRequest, { key, revision, serializable });
  const { parts } = await exchange.unary(RANGE, message);
  const found = fieldOf(parts, KVS);
  if (found === undefined) throw new RequestError("NO_SUCH_KEY");
  const record = decodeKeyValue(found.bytes);
  const headers = headersOf(record);
  if (isKnown(exchange.request, record.modRevision)) exchange.answer(304, headers);
  else if (accepts(exchange.request, "application/json"))
    exchange.answerPieces(200, [...headers, JSON_TYPE], recordText(record));
  else exchange.answer(200, [...headers, typeOf(record.value), NO_SNIFFING], record.value);
}

function headersOf({ modRevision, version, createRevision, lease }: KeyValue): Header[] {
  const headers: Header[] = [
    ["ETag", etagOf(modRevision)],
    ["Vary", "Accept"],
    // To be asked about each time: another client may have changed it.
    ["Cache-Control", "no-cache"],
    ["Quorate-Version", String(version)],
    ["Quorate-Create-Revision", String(createRevision)],
  ];
  if (lease !== 0n) headers.push(["Quorate-Lease", String(lease)]);
  return headers;
}

/** A value may be what a browser would run. */
const NO_SNIFFING: Header = ["X-Content-Type-Options", "nosniff"];

function typeOf(value: Uint8Array): Header {
  if (isJson(value)) return JSON_TYPE;
  return ["Content-Type", isUtf8(value) ? "text/plain; charset=utf-8" : "application/octet-stream"];
}

/** An object or an array: a number or a word alone is as well text. */
function isJson(value: Uint8Array): boolean {
  if (value.length > MOST_JSON_BYTES || !isUtf8(value)) return false;
  const text = Buffer.from(value).toString();
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
