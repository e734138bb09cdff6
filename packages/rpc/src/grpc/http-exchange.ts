import { Buffer } from "node:buffer";
import { DO_NOT_INDEX, INDEX_FIELD } from "../hpack/encoder.ts";
import { type HeaderField, isValidName, isValidValue } from "../hpack/field.ts";
import type { Http2Connection } from "../http2/connection.ts";
import type { HeaderBlock } from "../http2/header-block.ts";
import { INTERNAL_ERROR } from "../http2/protocol.ts";
import { HIGH_WATER_BYTES } from "../http2/send-scheduler.ts";
import { DRAIN_OWED, HEADERS_SENT, Http2Stream } from "../http2/stream.ts";
import type { Peer } from "./call.ts";
import type { CallOwner } from "./call-owner.ts";

/** Response headers; a name may have several values. Names are lower-cased. */
export type HttpHeaders = Readonly<Record<string, string | number | readonly string[]>>;

/** An HTTP/2 request that is not gRPC, and its response. After the exchange has ended every method does nothing. */
export interface HttpExchange {
  readonly method: string;
  /** `:path`, with the query. */
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  readonly peer: Peer;
  /** All regular fields in the order received; names are lower case. */
  readonly headers: readonly HeaderField[];
  header(name: string): string | undefined;
  /** A complete response. */
  respond(status: number, headers: HttpHeaders, body?: Uint8Array | string): void;
  writeHead(status: number, headers: HttpHeaders): void;
  /** Takes ownership of `chunk`. False: wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  end(chunk?: Uint8Array): void;
  /** Resets the stream, so that the client does not take what it got for a whole response. */
  abort(): void;
  /** As if a callback of the handler had thrown `error`: it is reported, and answered with 500 or a reset. */
  failWith(error: unknown): void;
  /** Withholds window updates; what the client was already allowed to send still arrives. */
  pauseReading(): void;
  resumeReading(): void;
  /** `chunk` is borrowed: it is overwritten after the call. */
  onData?: ((chunk: Uint8Array) => void) | undefined;
  onEnd?: (() => void) | undefined;
  onDrain?: (() => void) | undefined;
  /**
   * The exchange is over and its handler did not end it (with `respond`, `end` or `abort`): the client is gone, or a callback
   * of the handler threw. Exactly once, and at once when that had happened before this was set.
   */
  onAbort?: (() => void) | undefined;
  readonly ended: boolean;
  userData: unknown;
}

/** The stream under an {@link HttpExchange}. */
export class HttpExchangeStream extends Http2Stream {
  declare readonly connection: Http2Connection;
  readonly exchange: Exchange;
  readonly owner: CallOwner;

  constructor(owner: CallOwner, id: number, block: HeaderBlock) {
    super(owner.connection, id);
    this.owner = owner;
    this.exchange = new Exchange(this, block);
  }

  start(handler: (exchange: HttpExchange) => void, endStream: boolean): void {
    this.guard(() => handler(this.exchange));
    if (endStream) this.guard(() => this.exchange.onEnd?.());
  }

  override onHeaders(): void {
    this.guard(() => this.exchange.onEnd?.());
  }

  override onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const { exchange } = this;
    if (exchange.ended) return;
    if (end > start) this.guard(() => exchange.onData?.(bytes.subarray(start, end)));
    if (endStream) this.guard(() => exchange.onEnd?.());
  }

  override onAbort(): void {
    this.exchange.abandon();
  }

  override onWritable(): void {
    if (!this.exchange.ended) this.guard(() => this.exchange.onDrain?.());
  }

  override writeTrailers(): void {
    // Plain responses end with their last DATA frame.
  }

  /** A handler that throws loses its exchange, not the process: the answer is 500 if none has begun. */
  guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.failWith(error);
    }
  }

  failWith(error: unknown): void {
    const { exchange } = this;
    this.owner.server.reportHandlerError(error, exchange.path);
    if (exchange.ended) return;
    const hasBegun = (this.state & HEADERS_SENT) !== 0;
    exchange.abandon();
    if (hasBegun) this.reset(INTERNAL_ERROR);
    else this.#answerInternalError();
  }

  #answerInternalError(): void {
    const { encoder } = this.connection;
    encoder.begin();
    encoder.field(":status", "500", INDEX_FIELD);
    this.state |= HEADERS_SENT;
    this.connection.writeHeaderBlock(this, encoder.end(), true);
  }
}

class Exchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  ended = false;
  userData: unknown = undefined;
  onData: ((chunk: Uint8Array) => void) | undefined = undefined;
  onEnd: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;
  /** It is over without its handler, who has not been told yet. */
  #untold = false;
  readonly #stream: HttpExchangeStream;
  readonly #block: HeaderBlock;

  constructor(stream: HttpExchangeStream, block: HeaderBlock) {
    this.#stream = stream;
    this.#block = block;
    this.method = block.method;
    this.path = block.path;
    this.authority = block.authority === "" ? (block.get("host") ?? "") : block.authority;
    this.scheme = block.scheme;
  }

  get headers(): readonly HeaderField[] {
    return this.#block.fields.filter((field) => !field.name.startsWith(":"));
  }

  get peer(): Peer {
    return this.#stream.owner.peer;
  }

  header(name: string): string | undefined {
    return this.#block.get(name);
  }

  respond(status: number, headers: HttpHeaders, body: Uint8Array | string = ""): void {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    this.writeHead(status, headers);
    this.end(bytes);
  }

  writeHead(status: number, headers: HttpHeaders): void {
    const stream = this.#stream;
    if (this.ended || (stream.state & HEADERS_SENT) !== 0) return;
    const { encoder } = stream.connection;
    const fields: [string, string][] = [];
    for (const [name, value] of Object.entries(headers)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        const field: [string, string] = [name.toLowerCase(), String(item)];
        if (!isValidName(field[0]) || !isValidValue(field[1]))
          throw new TypeError(`invalid header "${name}"`);
        fields.push(field);
      }
    }
    encoder.begin();
    encoder.field(":status", String(status), INDEX_FIELD);
    for (const [name, value] of fields) encoder.field(name, value, DO_NOT_INDEX);
    stream.state |= HEADERS_SENT;
    stream.connection.writeHeaderBlock(stream, encoder.end(), false);
  }

  write(chunk: Uint8Array): boolean {
    const stream = this.#stream;
    if (this.ended) return false;
    if ((stream.state & HEADERS_SENT) === 0) this.writeHead(200, {});
    if (chunk.length > 0) stream.enqueue(chunk);
    if (stream.queuedBytes < HIGH_WATER_BYTES) return true;
    stream.state |= DRAIN_OWED;
    return false;
  }

  end(chunk?: Uint8Array): void {
    if (this.ended) return;
    if (chunk !== undefined && chunk.length > 0) this.write(chunk);
    if ((this.#stream.state & HEADERS_SENT) === 0) this.writeHead(200, {});
    this.ended = true;
    this.#stream.queueEnd(false);
  }

  abort(): void {
    if (this.ended) return;
    this.ended = true;
    this.#stream.reset(INTERNAL_ERROR);
  }

  failWith(error: unknown): void {
    this.#stream.failWith(error);
  }

  /** Ends it without its handler, and tells that. */
  abandon(): void {
    if (this.ended) return;
    this.ended = true;
    this.#untold = true;
    this.#tellHandler();
  }

  get onAbort(): (() => void) | undefined {
    return this.#onAbort;
  }

  set onAbort(callback: (() => void) | undefined) {
    this.#onAbort = callback;
    this.#tellHandler();
  }

  #tellHandler(): void {
    const onAbort = this.#onAbort;
    if (!this.#untold || onAbort === undefined) return;
    this.#untold = false;
    this.#stream.guard(onAbort);
  }

  pauseReading(): void {
    this.#stream.pauseReading();
  }

  resumeReading(): void {
    this.#stream.resumeReading();
  }
}
