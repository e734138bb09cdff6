import { Buffer } from "node:buffer";
import { decodeKeyValue } from "@quorate/wire/hot";
import {
  decodeMessage,
  encodeMessage,
  type Init,
  RangeRequest,
  ResponseHeader,
} from "@quorate/wire/messages";
import { RequestError } from "../../errors.ts";
import { accepts } from "./accept.ts";
import { RANGE } from "./get-key.ts";
import { type Header, JSON_TYPE, type KeyExchange } from "./key-exchange.ts";
import type { KeyRequest } from "./key-request.ts";
import { fieldOf, fieldsOf } from "./message-fields.ts";
import { beginOfPrefix, endOfPrefix, startsWith, successorOf } from "./octets.ts";
import { recordText } from "./record-text.ts";

const RANGE_STREAM = "/etcdserverpb.KV/RangeStream";
/** Fields of a range's response. */
const HEADER = 1;
const KVS = 2;
const MORE = 3;
const COUNT = 4;
/** Field of a chunk of a streamed range. */
const RANGE_RESPONSE = 1;
/** Keys of more octets do not fit a header that every client takes. */
const MAX_CONTINUED_KEY_BYTES = 4096;

/** `GET /kv/<prefix>?prefix`: all keys at one revision, in order, as they are read; with `limit` a page of them. */
export async function listKeys(exchange: KeyExchange, request: KeyRequest): Promise<void> {
  const list = new KeyList(exchange, request);
  await (request.parameters.limit === undefined ? list.stream() : list.page());
}

class KeyList {
  readonly #exchange: KeyExchange;
  readonly #request: KeyRequest;
  readonly #isArray: boolean;
  /** Where it begins, and at which revision; 0: the one of now. */
  readonly #from: { readonly key: Uint8Array; readonly revision: number };
  #written = 0;

  constructor(exchange: KeyExchange, request: KeyRequest) {
    this.#exchange = exchange;
    this.#request = request;
    this.#isArray = accepts(exchange.request, "application/json");
    this.#from = placeOf(request);
  }

  async page(): Promise<void> {
    const { limit = 0 } = this.#request.parameters;
    const { parts } = await this.#exchange.unary(RANGE, this.#message({ limit }));
    const outline = outlineOf(parts);
    const headers = this.#headers(outline);
    if (outline.more) {
      const last = decodeKeyValue(outline.lastRecord).key;
      headers.push(["Quorate-Continue", continuation(this.#revision(outline), last)]);
    }
    this.#exchange.answerPieces(200, headers, this.#whole(parts));
  }

  /** First how many there are, and at which revision: after that an error could not be told any more. */
  async stream(): Promise<void> {
    const exchange = this.#exchange;
    const outline = outlineOf((await exchange.unary(RANGE, this.#message({ countOnly: true }))).parts);
    const headers = this.#headers(outline);
    const message = this.#message({ revision: this.#revision(outline), serializable: true });
    await exchange.stream(RANGE_STREAM, message, (chunk) => {
      exchange.head(200, headers);
      const response = fieldOf(chunk, RANGE_RESPONSE)?.bytes ?? NOTHING;
      exchange.send(this.#records([response]), response.length);
    });
    exchange.send(this.#end(), 0);
    exchange.finish();
  }

  #message(special: Init<RangeRequest>): Uint8Array {
    const { serializable = false, keys_only: keysOnly = false } = this.#request.parameters;
    const { key, revision } = this.#from;
    const rangeEnd = endOfPrefix(this.#request.key);
    return encodeMessage(RangeRequest, { key, rangeEnd, revision, serializable, keysOnly, ...special });
  }

  #revision(outline: Outline): number {
    return this.#from.revision === 0 ? outline.revision : this.#from.revision;
  }

  #headers(outline: Outline): Header[] {
    return [
      this.#isArray ? JSON_TYPE : ["Content-Type", "application/x-ndjson"],
      ["Vary", "Accept"],
      ["Cache-Control", "no-cache"],
      ["Quorate-Revision", String(this.#revision(outline))],
      ["Quorate-Count", String(outline.count)],
    ];
  }

  *#whole(parts: readonly Uint8Array[]): Generator<string, void, undefined> {
    yield* this.#records(parts);
    yield* this.#end();
  }

  /** Made when all that comes before has been. */
  *#end(): Generator<string, void, undefined> {
    if (this.#isArray) yield this.#written === 0 ? "[]\n" : "\n]\n";
  }

  *#records(parts: readonly Uint8Array[]): Generator<string, void, undefined> {
    const { keys_only: keysOnly = false } = this.#request.parameters;
    for (const { number, bytes } of fieldsOf(parts)) {
      if (number !== KVS) continue;
      if (this.#isArray) yield this.#written === 0 ? "[\n" : ",\n";
      this.#written++;
      yield* recordText(decodeKeyValue(bytes), keysOnly);
      if (!this.#isArray) yield "\n";
    }
  }
}

/** What a range's response says of itself. */
interface Outline {
  /** At which it was made. */
  readonly revision: number;
  readonly count: bigint;
  readonly more: boolean;
  /** An encoded `mvccpb.KeyValue`, if there is one. */
  readonly lastRecord: Uint8Array;
}

function outlineOf(parts: readonly Uint8Array[]): Outline {
  let revision = 0;
  let count = 0n;
  let more = false;
  let lastRecord: Uint8Array = NOTHING;
  for (const { number, bytes, value } of fieldsOf(parts)) {
    if (number === KVS) lastRecord = bytes;
    else if (number === HEADER) revision = Number(decodeMessage(ResponseHeader, bytes).revision);
    else if (number === MORE) more = value === 1n;
    else if (number === COUNT) count = value;
  }
  return { revision, count, more, lastRecord };
}

const NOTHING = new Uint8Array(0);

function continuation(revision: number, last: Uint8Array): string {
  if (last.length > MAX_CONTINUED_KEY_BYTES) throw new RequestError("PAGE_ENDS_WITH_LONG_KEY");
  return `${revision}.${Buffer.from(last).toString("base64url")}`;
}

/** Where a list begins: at its prefix, or behind the last key of the page before. Throws RequestError. */
function placeOf({ key, parameters }: KeyRequest): { key: Uint8Array; revision: number } {
  const { continue: token, revision = 0 } = parameters;
  if (token === undefined) return { key: beginOfPrefix(key), revision };
  const [, digits = "", encoded = ""] = /^([1-9][0-9]{0,15})\.([A-Za-z0-9_-]+)$/.exec(token) ?? [];
  const last = Buffer.from(encoded, "base64url");
  if (digits === "" || !startsWith(last, key)) throw new RequestError("BAD_CONTINUATION");
  return { key: successorOf(last), revision: Number(digits) };
}
