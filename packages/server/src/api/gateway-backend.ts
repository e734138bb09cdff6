/**
 * What the gateway runs against: this member's RPCs, called in the process. A call is to be treated as a gRPC call from
 * a loopback client that presented no certificate: same checks, limits, metrics and errors.
 */
export interface GatewayBackend {
  /** Whether there is a method with this path. */
  serves(path: string): boolean;
  /**
   * Starts a call. `path` is gRPC's, `metadata` has lower-case names (binary values as latin1 strings), `deadlineMs` is
   * relative, or Infinity. `clientAddress` is that of the socket of whoever asks, without a port: what the metadata says of it
   * is the client's own word. Callbacks may fire before this returns.
   */
  start(
    path: string,
    metadata: Map<string, string[]>,
    deadlineMs: number,
    sink: GatewaySink,
    clientAddress?: string,
  ): GatewayCall;
}

export interface GatewaySink {
  /** An encoded response message, or its parts of whole fields; nobody changes it any more. */
  onMessage(message: Uint8Array | readonly Uint8Array[]): void;
  /**
   * The only response message of a call, in parts of whole fields, one at least. Each is handed to `release` when nobody
   * reads it any more.
   */
  onParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void;
  /** Calls `begin` when there is room for a long answer, if the call has not ended by then. Absent: there always is. */
  whenAnswerRoom?(begin: () => void): void;
  /** No more requests, please, until `onResumeReading`: the call has no use for them yet. */
  onPauseReading(): void;
  onResumeReading(): void;
  /**
   * The last callback of a call. `code` is gRPC's, 0 for success. `retryAfterMs`: when a call that was refused may be tried
   * again, if that was said.
   */
  onEnd(code: number, message: string, retryAfterMs?: number): void;
}

export interface GatewayCall {
  /** Gives the message away: the caller does not touch it again. */
  send(message: Uint8Array): void;
  /** The request has no more messages. */
  halfClose(): void;
  /** Ends the call from the client's side; no callback follows. Idempotent, and allowed after the end. */
  cancel(): void;
  /**
   * The reader is slow: no more messages, please, until `resume`. A call without these is cut off from a client that
   * lets more than `MAX_UNSENT_BYTES` pile up.
   */
  pause?(): void;
  resume?(): void;
}
