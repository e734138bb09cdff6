import type { Http2Connection } from "../http2/connection.ts";
import type { Peer } from "./call.ts";
import type { DeadlineWheel, RpcClock } from "./deadlines.ts";
import type { CallObserver } from "./method.ts";
import type { SlowUnaryCalls } from "./slow-calls.ts";
import type { TurnClock } from "./turn-clock.ts";

/** What calls need of the server that they came to. */
export interface CalledServer {
  readonly maxReceiveMessageBytes: number;
  readonly turnClock: TurnClock;
  readonly deadlines: DeadlineWheel;
  readonly clock: RpcClock;
  readonly observer: CallObserver | undefined;
  readonly slowUnary: SlowUnaryCalls | undefined;
  reportHandlerError(error: unknown, path: string): void;
}

/** What calls need of the connection that they came on. */
export interface CallOwner {
  readonly server: CalledServer;
  readonly connection: Http2Connection;
  readonly peer: Peer;
  /** The block of a plain response header, to be sent now. */
  encodedHeader(): Uint8Array;
  /** The block of the trailers of a call that ended with OK, to be sent now. */
  encodedTrailers(): Uint8Array;
}
