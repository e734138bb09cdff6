import type { ServerCall } from "./call.ts";

/** Handles a unary call. `message` is borrowed: it is valid only until the handler returns. */
export type UnaryHandler = (message: Uint8Array, call: ServerCall) => void;
/** Handles a call of any streaming kind: sets the call's callbacks. */
export type StreamHandler = (call: ServerCall) => void;

/** What has happened to a method so far; read it when metrics are asked for. */
export class MethodStats {
  /** Calls begun. */
  started = 0;
  /** Messages received and sent, counted as they pass. */
  receivedMessages = 0;
  sentMessages = 0;
  /** Serialized octets of these messages. */
  receivedBytes = 0;
  sentBytes = 0;
  /** Calls that took so many seconds, if somebody wants to know: from the chunk in which they came, to the millisecond. */
  seconds: { observe(seconds: number): void } | undefined = undefined;
  /** Calls ended, by gRPC status code. */
  readonly handled: number[] = new Array(17).fill(0);
}

/** A registered method: exactly one of the handlers is present. */
export interface Route {
  readonly path: string;
  readonly stats: MethodStats;
  readonly kind: "unary" | "stream";
  readonly unary: UnaryHandler | undefined;
  readonly stream: StreamHandler | undefined;
}

/** Sees every call begin and end, also those that no handler sees; for metrics. Must not throw. */
export interface CallObserver {
  onCallStart(call: ServerCall, kind: "unary" | "stream" | "unknown"): void;
  /** `code` is the gRPC status. The call's message counts are final. */
  onCallEnd(call: ServerCall, code: number): void;
}
