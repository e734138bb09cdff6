import { isGrpcContentType } from "../grpc/call-head.ts";
import type { Deadline, DeadlineWheel, Expiring } from "../grpc/deadlines.ts";
import { GrpcStream, type MessageEncoding, writeMessage } from "../grpc/grpc-stream.ts";
import { PREFIX_LENGTH } from "../grpc/message-reader.ts";
import { encodeMetadata, type MetadataInput, toMetadata } from "../grpc/metadata.ts";
import { percentDecode } from "../grpc/percent-encoding.ts";
import { Code, type GrpcStatus, NO_METADATA } from "../grpc/status.ts";
import {
  FIELD_CONTENT_TYPE,
  FIELD_GRPC_ENCODING,
  FIELD_GRPC_MESSAGE,
  FIELD_GRPC_STATUS,
} from "../hpack/field.ts";
import type { Http2Connection } from "../http2/connection.ts";
import type { HeaderBlock } from "../http2/header-block.ts";
import {
  CANCEL,
  ENHANCE_YOUR_CALM,
  errorName,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_HEADER_LENGTH,
  FRAME_HEADERS,
  INADEQUATE_SECURITY,
  NO_ERROR,
  REFUSED_STREAM,
} from "../http2/protocol.ts";
import { type AbortOrigin, GONE, HEADERS_RECEIVED, LOCAL_CLOSED, READY } from "../http2/stream.ts";

/** Options of one call. */
export interface CallOptions {
  /** On the client's clock (by default `performance.now()`); sent to the server as `grpc-timeout`. */
  readonly deadlineMs?: number;
  readonly metadata?: MetadataInput;
  readonly signal?: AbortSignal;
  /** Compresses the messages sent with gzip, but for large ones. */
  readonly gzip?: boolean;
}

/** What a call hears. Arrays are borrowed: they are overwritten after the call of `onMessage`. */
export interface CallReceiver {
  onMessage?: ((message: Uint8Array) => void) | undefined;
  /** The last thing a call hears, once. */
  onEnd?: ((status: GrpcStatus) => void) | undefined;
}

/** A streaming call of a client. After it has ended every method does nothing. */
export interface ClientStream extends CallReceiver {
  readonly path: string;
  /** Takes ownership of `message`. False: the peer is slow, wait for `onDrain`. */
  send(message: Uint8Array): boolean;
  /** Nothing more will be sent. */
  halfClose(): void;
  /** Abandons the call; it ends with CANCELLED. */
  cancel(): void;
  pauseReading(): void;
  resumeReading(): void;
  /** The response header. Not called when the server answers with trailers only. */
  onHeader?: ((metadata: ReadonlyMap<string, readonly string[]>) => void) | undefined;
  onDrain?: (() => void) | undefined;
  readonly ended: boolean;
  readonly queuedBytes: number;
}

/** What a response's block means to gRPC; kept with the block, which repeats. */
interface ResponseHead {
  readonly isGrpc: boolean;
  readonly encoding: MessageEncoding;
  readonly status: GrpcStatus | undefined;
}

const OK_WITHOUT_METADATA: GrpcStatus = Object.freeze({ code: Code.OK, details: "", metadata: NO_METADATA });

/** What calls need of the client that makes them. */
export interface CallMaker {
  readonly connection: Http2Connection;
  readonly deadlines: DeadlineWheel;
  readonly maxReceiveMessageBytes: number;
  /** The block of the header of a call, to be sent now. */
  encodeRequest(call: ClientCall): Uint8Array;
  /** Of calls that are under way when the connection is lost. */
  disconnectStatus(): GrpcStatus;
}

/** {@link ClientStream} on its HTTP/2 stream; unary calls are the same with a receiver of their own. */
export class ClientCall extends GrpcStream implements ClientStream, Expiring {
  readonly client: CallMaker;
  readonly path: string;
  readonly receiver: CallReceiver;
  readonly options: CallOptions | undefined;
  /** The call's own metadata, checked and encoded. */
  readonly metadataFields: readonly (readonly [string, string])[];
  ended = false;
  onMessage: ((message: Uint8Array) => void) | undefined = undefined;
  onEnd: ((status: GrpcStatus) => void) | undefined = undefined;
  onHeader: ((metadata: ReadonlyMap<string, readonly string[]>) => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  #encoding: MessageEncoding = "identity";
  #status: GrpcStatus | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #onSignal: (() => void) | undefined = undefined;

  /** Without a `receiver` the call's own callbacks are used. */
  constructor(
    client: CallMaker,
    path: string,
    receiver: CallReceiver | undefined,
    options: CallOptions | undefined,
  ) {
    super(client.connection, 0);
    this.client = client;
    this.path = path;
    this.receiver = receiver ?? this;
    this.options = options;
    this.metadataFields = options?.metadata === undefined ? NO_FIELDS : encodeMetadata(options.metadata);
    // Until it has an id, everything queues and nothing is scheduled.
    this.sendWindow = 0;
    this.state = READY;
    if (options?.gzip === true) this.startCompressing();
  }

  /** Gives the call its stream: the server allows one more. */
  start(id: number): void {
    const { connection } = this;
    this.id = id;
    this.sendWindow = connection.initialSendWindow;
    this.state &= ~READY;
    connection.streams.add(this);
  }

  /** Starts a streaming call: its header, then what was queued meanwhile. */
  open(): void {
    this.connection.writeHeaderBlock(this, this.client.encodeRequest(this), false);
    if (this.#hasQueued()) this.connection.makeReady(this);
  }

  #hasQueued(): boolean {
    return this.queuedBytes > 0 || this.sendingEnded;
  }

  /** Starts a unary call: header and message in one piece when the windows allow. */
  openUnary(message: Uint8Array): void {
    const { connection } = this;
    const count = message.length + PREFIX_LENGTH;
    if (this.compressing || !connection.canSendDirectly(this, count)) {
      this.open();
      this.sendMessage(message);
      this.queueEnd(false);
      return;
    }
    const header = this.client.encodeRequest(this);
    if (header.length > 4096) {
      connection.writeHeaderBlock(this, header, false);
    } else {
      connection.output.reserve(FRAME_HEADER_LENGTH + header.length);
      connection.writeFrameHeader(header.length, FRAME_HEADERS, FLAG_END_HEADERS, this.id);
      const { output } = connection;
      for (let i = 0; i < header.length; i++) output.bytes[output.length + i] = header[i]!;
      output.length += header.length;
    }
    const { output } = connection;
    output.reserve(FRAME_HEADER_LENGTH + count);
    connection.writeFrameHeader(count, FRAME_DATA, FLAG_END_STREAM, this.id);
    writeMessage(output.bytes, output.length, message, 0);
    output.length += count;
    connection.sendWindow -= count;
    this.sentMessages = 1;
    connection.closeLocal(this);
  }

  // ---- What the caller does ----

  send(message: Uint8Array): boolean {
    if (this.ended || this.sendingEnded) return false;
    return this.sendMessage(message);
  }

  halfClose(): void {
    if (!this.ended && !this.sendingEnded) this.queueEnd(false);
  }

  cancel(): void {
    this.#giveUp(Code.CANCELLED, "context canceled");
  }

  /** Connects the call to its deadline and signal. Returns false when it has ended by that. */
  watch(): boolean {
    const { deadlineMs, signal } = this.options ?? {};
    if (signal !== undefined) {
      if (signal.aborted) {
        // Not from within the caller's own statement: it has not set its callbacks yet.
        queueMicrotask(() => this.cancel());
        return false;
      }
      this.#onSignal = () => this.cancel();
      signal.addEventListener("abort", this.#onSignal, { once: true });
    }
    if (deadlineMs !== undefined && Number.isFinite(deadlineMs)) {
      this.#deadline = this.client.deadlines.add(deadlineMs, this);
    }
    return true;
  }

  onDeadline(): void {
    this.#deadline = undefined;
    this.#giveUp(Code.DEADLINE_EXCEEDED, "context deadline exceeded");
  }

  #giveUp(code: number, details: string): void {
    if (this.ended) return;
    if (this.id !== 0) this.reset(CANCEL);
    this.finish({ code, details, metadata: NO_METADATA });
  }

  // ---- What the server says ----

  get receivingEnded(): boolean {
    return this.ended;
  }

  get receiveEncoding(): MessageEncoding {
    return this.#encoding;
  }

  get maxReceiveBytes(): number {
    return this.client.maxReceiveMessageBytes;
  }

  override goOnLater(): boolean {
    return false;
  }

  override onHeaders(block: HeaderBlock, endStream: boolean): void {
    if (this.ended) return;
    if (block.status >= 100 && block.status < 200 && !endStream) return;
    block.derived ??= readResponse(block);
    const head = block.derived as ResponseHead;
    if ((this.state & HEADERS_RECEIVED) === 0) {
      this.state |= HEADERS_RECEIVED;
      this.#encoding = head.encoding;
      if (block.status !== 200 || !head.isGrpc) {
        this.#giveUpOn(head.status ?? httpStatus(block));
        return;
      }
      if (!endStream) {
        this.onHeader?.(toMetadata(block.fields));
        return;
      }
    }
    if (!endStream) {
      this.#giveUpOn({ code: Code.INTERNAL, details: "a second response header", metadata: NO_METADATA });
      return;
    }
    this.#status = head.status ?? missingStatus();
    this.onData(NOTHING, 0, 0, true);
  }

  deliverMessage(message: Uint8Array): void {
    this.receiver.onMessage?.(message);
  }

  deliverEnd(): void {
    this.finish(this.#status ?? missingStatus());
    // A server that has said everything does not read on.
    if ((this.state & (GONE | LOCAL_CLOSED)) === 0) this.reset(NO_ERROR);
  }

  failReceiving(code: number, details: string): void {
    this.#giveUpOn({ code, details, metadata: NO_METADATA });
  }

  override onAbort(code: number, origin: AbortOrigin): void {
    // With the status here the call is complete: what is held back for a paused reader is still delivered.
    if (this.ended || this.#status !== undefined) return;
    if (origin === "disconnected") this.finish(this.client.disconnectStatus());
    else
      this.finish({
        code: grpcCodeOf(code),
        details: `stream ended with ${errorName(code)}`,
        metadata: NO_METADATA,
      });
  }

  override onWritable(): void {
    if (!this.ended) this.onDrain?.();
  }

  override writeTrailers(): void {
    // A client ends its side with its last DATA frame.
  }

  #giveUpOn(status: GrpcStatus): void {
    this.reset(CANCEL);
    this.finish(status);
  }

  /** Ends the call for the caller. */
  finish(status: GrpcStatus): void {
    if (this.ended) return;
    this.ended = true;
    if (this.#deadline !== undefined) this.client.deadlines.cancel(this.#deadline);
    if (this.#onSignal !== undefined) this.options?.signal?.removeEventListener("abort", this.#onSignal);
    this.dropInput();
    this.receiver.onEnd?.(status);
  }
}

const NOTHING = new Uint8Array(0);
const NO_FIELDS: readonly (readonly [string, string])[] = [];

function readResponse(block: HeaderBlock): ResponseHead {
  let code: number | undefined;
  let details = "";
  let contentType = "";
  let encoding = "identity";
  let plain = true;
  for (const field of block.fields) {
    if (field.kind === FIELD_GRPC_STATUS) {
      code = /^\d{1,3}$/.test(field.value) ? Number(field.value) : Code.UNKNOWN;
    } else if (field.kind === FIELD_GRPC_MESSAGE) {
      details = percentDecode(field.value);
    } else if (field.kind === FIELD_CONTENT_TYPE) {
      contentType = field.value;
    } else if (field.kind === FIELD_GRPC_ENCODING) {
      encoding = field.value;
    } else {
      plain = false;
    }
  }
  let status: GrpcStatus | undefined;
  if (code !== undefined) {
    status =
      code === Code.OK && plain ? OK_WITHOUT_METADATA : { code, details, metadata: toMetadata(block.fields) };
  }
  return {
    isGrpc: isGrpcContentType(contentType),
    encoding: encoding === "gzip" ? "gzip" : "identity",
    status,
  };
}

function missingStatus(): GrpcStatus {
  const details = "server closed the stream without sending trailers";
  return { code: Code.INTERNAL, details, metadata: NO_METADATA };
}

/** The mapping of gRPC's `http-grpc-status-mapping.md`. */
function httpStatus(block: HeaderBlock): GrpcStatus {
  const { status } = block;
  const code =
    status === 400
      ? Code.INTERNAL
      : status === 401
        ? Code.UNAUTHENTICATED
        : status === 403
          ? Code.PERMISSION_DENIED
          : status === 404
            ? Code.UNIMPLEMENTED
            : status === 429 || (status >= 502 && status <= 504)
              ? Code.UNAVAILABLE
              : Code.UNKNOWN;
  const type = block.get("content-type") ?? "";
  return {
    code,
    details: `unexpected HTTP response: status ${status}, content-type ${JSON.stringify(type)}`,
    metadata: NO_METADATA,
  };
}

function grpcCodeOf(http2Code: number): number {
  switch (http2Code) {
    case REFUSED_STREAM:
      return Code.UNAVAILABLE;
    case CANCEL:
      return Code.CANCELLED;
    case ENHANCE_YOUR_CALM:
      return Code.RESOURCE_EXHAUSTED;
    case INADEQUATE_SECURITY:
      return Code.PERMISSION_DENIED;
    default:
      return Code.INTERNAL;
  }
}
