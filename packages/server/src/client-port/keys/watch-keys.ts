import type { Clock } from "@quorate/storage/seams/clock";
import { decodeKeyValue, type KeyValue } from "@quorate/wire/hot";
import {
  decodeMessage,
  EventType,
  encodeMessage,
  ResponseHeader,
  WatchRequest,
} from "@quorate/wire/messages";
import { RequestError } from "../../errors.ts";
import { headerValues } from "../gateway/exchange.ts";
import type { Header, KeyExchange } from "./key-exchange.ts";
import type { KeyRequest } from "./key-request.ts";
import { type fieldOf, fieldsOf } from "./message-fields.ts";
import { beginOfPrefix, endOfPrefix } from "./octets.ts";
import { CallFailed, problemText, quotedFailure } from "./problems.ts";
import { bytesText, recordText } from "./record-text.ts";

const WATCH = "/etcdserverpb.Watch/Watch";
/** Proxies end what is silent for a minute; half of that is the time that most wait at least. */
const KEEP_ALIVE_MS = 15_000;
/** Fields of a watch's response. */
const HEADER = 1;
const CREATED = 3;
const CANCELED = 4;
const COMPACT_REVISION = 5;
const CANCEL_REASON = 6;
const EVENTS = 11;
/** Fields of an event. */
const TYPE = 1;
const KV = 2;
const PREV_KV = 3;

const HEADERS: readonly Header[] = [
  ["Content-Type", "text/event-stream"],
  ["Cache-Control", "no-store"],
];

/** `GET /kv/<key>?watch`: changes as server-sent events, from where `Last-Event-ID` says that the client has been. */
export async function watchKeys(exchange: KeyExchange, request: KeyRequest, clock: Clock): Promise<void> {
  const { key, parameters } = request;
  const { prefix = false, prev: prevKv = false } = parameters;
  const begin = beginOf(exchange, parameters.revision ?? 0);
  const events = new EventStream(exchange, begin);
  const keepAlive = () => {
    events.keepAlive();
    timer = clock.setTimer(KEEP_ALIVE_MS, keepAlive);
  };
  let timer = clock.setTimer(KEEP_ALIVE_MS, keepAlive);
  exchange.whenOver(() => timer.cancel());
  const message = encodeMessage(WatchRequest, {
    createRequest: {
      key: beginOfPrefix(key),
      rangeEnd: prefix ? endOfPrefix(key) : new Uint8Array(0),
      startRevision: begin.revision,
      // So that the client's place is never far behind, however little happens to its keys.
      progressNotify: true,
      prevKv,
    },
  });
  try {
    await exchange.stream(WATCH, message, (parts) => events.receive(parts));
  } catch (error) {
    if (!exchange.hasBegun || !(error instanceof CallFailed)) throw error;
    events.end("error", problemText(error).trim());
  }
}

/** Where a stream begins: at a revision, behind so many events of it. */
interface Place {
  readonly revision: number;
  readonly passed: number;
}

/**
 * The id of an event is its revision; of one that is not the last of its revision it has a hyphen behind it, and which event of
 * the revision it is: so a client that was cut off between two goes on between them. Throws RequestError.
 */
function beginOf({ request }: KeyExchange, revision: number): Place {
  const last = headerValues(request.rawHeaders, "last-event-id")[0];
  if (last === undefined || last === "") return { revision, passed: 0 };
  const match = /^([0-9]{1,15})(?:-([1-9][0-9]{0,8}))?$/.exec(last);
  if (match === null) throw new RequestError("BAD_EVENT_ID");
  const [, at, passed] = match;
  return passed === undefined
    ? { revision: Number(at) + 1, passed: 0 }
    : { revision: Number(at), passed: Number(passed) };
}

interface Change {
  readonly type: bigint;
  readonly kv: KeyValue;
  readonly previous: Uint8Array | undefined;
}

class EventStream {
  readonly #exchange: KeyExchange;
  readonly #begin: Place;
  /** The revision whose events are being written, and how many have been. */
  #revision = 0;
  #ofRevision = 0;

  constructor(exchange: KeyExchange, begin: Place) {
    this.#exchange = exchange;
    this.#begin = begin;
  }

  receive(parts: readonly Uint8Array[]): void {
    const exchange = this.#exchange;
    const fields = headOf(parts);
    const isCanceled = fields.get(CANCELED)?.value === 1n;
    const compacted = fields.get(COMPACT_REVISION)?.value ?? 0n;
    const reason = String(new TextDecoder().decode(fields.get(CANCEL_REASON)?.bytes));
    if (isCanceled && compacted === 0n && !exchange.hasBegun) throw quotedFailure(reason);
    exchange.head(200, HEADERS);
    if (fields.get(CREATED)?.value === 1n) this.#send(": watching\n\n");
    if (isCanceled && compacted !== 0n) {
      // A client that comes back by itself goes on behind what there is no history of.
      this.end("compacted", `{"compact_revision":${compacted}}`, `id: ${compacted}\n`);
    } else if (isCanceled) this.end("error", problemText(quotedFailure(reason)).trim());
    else if (fields.has(EVENTS)) exchange.send(this.#events(parts), bytesOf(parts));
    else if (!fields.has(CREATED)) this.#send(`id: ${revisionOf(fields.get(HEADER)?.bytes)}\n\n`);
  }

  /** Something to read for who would take silence for an end. */
  keepAlive(): void {
    if (this.#exchange.hasBegun && this.#exchange.outbox.isIdle) this.#send(":\n\n");
  }

  /** The last event. */
  end(type: string, data: string, id = ""): void {
    this.#send(`${id}event: ${type}\ndata: ${data}\n\n`);
    this.#exchange.finish();
  }

  #send(text: string): void {
    this.#exchange.send([text].values(), 0);
  }

  *#events(parts: readonly Uint8Array[]): Generator<string, void, undefined> {
    let change: Change | undefined;
    for (const { number, bytes } of fieldsOf(parts)) {
      if (number !== EVENTS) continue;
      const next = changeOf(bytes);
      if (change !== undefined) yield* this.#event(change, next.kv.modRevision !== change.kv.modRevision);
      change = next;
    }
    // A response never ends within a revision.
    if (change !== undefined) yield* this.#event(change, true);
  }

  *#event(change: Change, isLast: boolean): Generator<string, void, undefined> {
    const { modRevision, key } = change.kv;
    if (modRevision !== this.#revision) {
      this.#revision = modRevision;
      this.#ofRevision = 0;
    }
    this.#ofRevision++;
    if (modRevision === this.#begin.revision && this.#ofRevision <= this.#begin.passed) {
      yield "";
      return;
    }
    const isDeletion = Number(change.type) === EventType.DELETE;
    const id = isLast ? `${modRevision}` : `${modRevision}-${this.#ofRevision}`;
    yield `id: ${id}\nevent: ${isDeletion ? "delete" : "put"}\ndata: `;
    if (isDeletion) {
      yield* bytesText("{", "key", key);
      yield `,"mod_revision":${modRevision}`;
    } else yield* withoutEnd(recordText(change.kv));
    if (change.previous !== undefined) {
      yield ',"prev":';
      yield* recordText(decodeKeyValue(change.previous));
    }
    yield "}\n\n";
  }
}

/** An object that something is to be added to. */
function* withoutEnd(object: Generator<string, void, undefined>): Generator<string, void, undefined> {
  let before = "";
  for (const piece of object) {
    yield before;
    before = piece;
  }
  yield before.slice(0, -1);
}

function changeOf(event: Uint8Array): Change {
  let type = 0n;
  let kv: KeyValue | undefined;
  let previous: Uint8Array | undefined;
  for (const { number, value, bytes } of fieldsOf([event])) {
    if (number === TYPE) type = value;
    else if (number === KV) kv = decodeKeyValue(bytes);
    else if (number === PREV_KV) previous = bytes;
  }
  return { type, kv: kv ?? decodeKeyValue(new Uint8Array(0)), previous };
}

/** The fields before the events, and the first of these. */
function headOf(parts: readonly Uint8Array[]): ReadonlyMap<number, ReturnType<typeof fieldOf>> {
  const head = new Map<number, ReturnType<typeof fieldOf>>();
  for (const field of fieldsOf(parts)) {
    head.set(field.number, field);
    if (field.number === EVENTS) break;
  }
  return head;
}

function revisionOf(header: Uint8Array | undefined): bigint {
  return decodeMessage(ResponseHeader, header ?? new Uint8Array(0)).revision;
}

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((total, { length }) => total + length, 0);
}
