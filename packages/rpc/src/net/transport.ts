import type { Http2Connection } from "../http2/connection.ts";
import type { Flushable } from "./flush-queue.ts";

/** What a transport reports to the owner of a connection. */
export interface TransportCallbacks {
  /** Something threw that must not: a defect here or in a callback. The connection is cut. */
  onFault(error: unknown): void;
  /** The transport is closed; called once. */
  onClosed(): void;
}

/** Moves a connection's octets. It feeds `receive`, and on `flush` takes what `pump` has put into the output. */
export interface Transport extends Flushable {
  /** Cuts the connection at once. `onClosed` follows, perhaps later. */
  destroy(): void;
}

export type OpenTransport = (connection: Http2Connection, callbacks: TransportCallbacks) => Transport;
