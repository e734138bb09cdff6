import type { TLSSocket } from "node:tls";

/**
 * Why a call ended before its handler ended it: its client gave it up, its time was over, the connection was lost, or it
 * failed here, for what the client sent or because a callback of its handler threw.
 */
export type CancelReason = "canceled" | "deadline" | "disconnected" | "failed";

/** Where a call comes from. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Present on TLS: certificates are asked of it. */
  readonly tls?: TLSSocket;
}

/**
 * A call as its handler sees it. A handler may answer at once or much later; after the call has ended, whoever ended it,
 * every method does nothing. Message arrays given to `reply` and `send` belong to the call from then on.
 */
export interface ServerCall {
  readonly path: string;
  /** On the server's clock (by default `performance.now()`); Infinity when the client set no deadline. */
  readonly deadlineMs: number;
  readonly peer: Peer;
  /** The first value of a text header; names are lower case. */
  metadata(name: string): string | undefined;
  metadataValues(name: string): readonly string[];
  /** The first value of a `-bin` header, decoded. */
  binaryMetadata(name: string): Uint8Array | undefined;
  /** Adds to the response header, before it is sent. Throws TypeError on an invalid name or value. */
  setHeader(name: string, value: string | Uint8Array): void;
  setTrailer(name: string, value: string | Uint8Array): void;
  /** Compresses the responses with gzip, but for large ones, if the client accepts that. Call it before anything is sent. */
  useGzip(): boolean;
  /**
   * Answers a unary call: header, message, OK. If nobody reads the message any more when that is done (it was copied, or
   * the call had ended), `release` is called with it at once; otherwise never.
   */
  reply(message: Uint8Array, release?: (message: Uint8Array) => void): void;
  /**
   * As `reply`, with a message in several pieces of memory, one at least, each of whole fields. Each is handed to
   * `release` as soon as nobody reads it any more, whatever becomes of the call.
   */
  replyInParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void;
  /**
   * As `replyInParts`, of a message of `length` bytes that only begins with `parts`: the others follow with `continueReply`,
   * and `end` when all are there. Nothing of it is compressed. Absent where answers have to be whole.
   */
  readonly beginReply?:
    | ((length: number, parts: readonly Uint8Array[], release: (part: Uint8Array) => void) => boolean)
    | undefined;
  /** The next part, which is released as the first ones. False, as of `beginReply`: the peer is slow, wait for `onDrain`. */
  readonly continueReply?: ((part: Uint8Array) => boolean) | undefined;
  /**
   * For a unary answer that may be large: calls `begin` once the client has taken enough of those that it has asked for.
   * That may be now, or never if the call ends before.
   */
  whenAnswerRoom(begin: () => void): void;
  /** Ends the call with a status other than OK. */
  fail(code: number, message: string): void;
  /**
   * Ends the call as if a callback of its handler had thrown `error`: a GrpcError is the status; anything else is a defect,
   * which is reported and becomes UNKNOWN. The handler is told (`onCancel`).
   */
  failWith(error: unknown): void;
  /** Sends a message of a stream. False: the peer is slow, wait for `onDrain`. */
  send(message: Uint8Array): boolean;
  /** As `send`, with a message in parts of whole fields, one at least; nobody changes them any more. */
  sendInParts(parts: readonly Uint8Array[]): boolean;
  sendHeaders(): void;
  /** Ends a stream with OK after what was sent. */
  end(): void;
  /** Withholds window updates and messages until `resumeReading`. */
  pauseReading(): void;
  resumeReading(): void;
  /** `message` is borrowed: it is overwritten after the call. */
  onMessage?: ((message: Uint8Array) => void) | undefined;
  onHalfClose?: (() => void) | undefined;
  onDrain?: (() => void) | undefined;
  /**
   * The call has ended and its handler did not end it: exactly once, whatever the reason, and at once when that had
   * happened before this was set. A handler that ends its call itself (`reply`, `end`, `fail`) hears nothing.
   */
  onCancel?: ((reason: CancelReason) => void) | undefined;
  readonly ended: boolean;
  /** Octets accepted by `send` or `reply` that are not on their way yet. */
  readonly queuedBytes: number;
  readonly receivedMessages: number;
  readonly sentMessages: number;
  /** For interceptors and handlers; rpc never looks at it. */
  userData: unknown;
}
