import type { CallObserver, StreamHandler, UnaryHandler } from "@quorate/rpc/server";

/** Makes spans of calls. Who is not asked to trace has none of it, and pays nothing. */
export interface CallTracing {
  /** Sees calls begin and end. */
  readonly observer: CallObserver;
  /** The same method, whose requests are told as well. */
  unary(path: string, handler: UnaryHandler): UnaryHandler;
  stream(path: string, handler: StreamHandler): StreamHandler;
  /** Hands over what has not been sent yet, to a collector that answers. Does not reject. */
  close(): Promise<void>;
}
