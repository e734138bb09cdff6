/** Keepalive of a server, in milliseconds. The defaults are etcd's. */
export interface ServerKeepaliveOptions {
  /** Silence after which the client is pinged. Default 2 h; Infinity never pings. */
  readonly intervalMs?: number;
  /** How long an answer may take before the connection is cut. Default 20 s. */
  readonly timeoutMs?: number;
  /** The shortest time between pings of a client. Default 5 s. */
  readonly minTimeMs?: number;
  /** Whether clients may ping while they have no call. Default false. */
  readonly permitWithoutStream?: boolean;
}

export const DEFAULT_SERVER_KEEPALIVE: Required<ServerKeepaliveOptions> = Object.freeze({
  intervalMs: 7_200_000,
  timeoutMs: 20_000,
  minTimeMs: 5000,
  permitWithoutStream: false,
});

/** Neither rules for the client's pings nor pings of our own. */
export const NO_KEEPALIVE: Required<ServerKeepaliveOptions> = Object.freeze({
  intervalMs: Number.POSITIVE_INFINITY,
  timeoutMs: Number.POSITIVE_INFINITY,
  minTimeMs: 0,
  permitWithoutStream: true,
});

/** Pings tolerated too early before the connection is ended. */
const MAX_PING_STRIKES = 2;
/** Without a call and without permission, pings this far apart are still no offence (as in gRPC for Go). */
const IDLE_PING_INTERVAL_MS = 7_200_000;

/**
 * The rule against clients that ping too often: gRPC's, with the same bookkeeping as its Go server. Every early ping is
 * a strike, sending anything forgives them, and the third strike ends the connection.
 */
export class PingEnforcement {
  readonly #minTimeMs: number;
  readonly #permitWithoutStream: boolean;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #strikes = 0;

  constructor(minTimeMs: number, permitWithoutStream: boolean) {
    this.#minTimeMs = minTimeMs;
    this.#permitWithoutStream = permitWithoutStream;
  }

  /** A ping came; `sent` tells whether anything was sent since the one before. True when it is one too many. */
  onPing(nowMs: number, hasStreams: boolean, sent: boolean): boolean {
    const sinceMs = nowMs - this.#lastPingMs;
    this.#lastPingMs = nowMs;
    if (sent) {
      this.#strikes = 0;
      return false;
    }
    const minimumMs = hasStreams || this.#permitWithoutStream ? this.#minTimeMs : IDLE_PING_INTERVAL_MS;
    if (sinceMs < minimumMs) this.#strikes++;
    return this.#strikes > MAX_PING_STRIKES;
  }
}

/** What the {@link Pinger} asks for when its time has come. */
export type PingerAction = "wait" | "ping" | "dead";

/** Finds dead peers: after `intervalMs` without a sign of life a ping, after `timeoutMs` without an answer the end. */
export class Pinger {
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  #pingedMs = -1;
  /** When {@link step} is due next. */
  dueMs: number;

  constructor(intervalMs: number, timeoutMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.dueMs = nowMs + intervalMs;
  }

  /**
   * Call it when `dueMs` has come. `lastSignMs` is when octets last arrived; `mayPing` is false while there is nothing to
   * keep alive.
   */
  step(nowMs: number, lastSignMs: number, mayPing: boolean): PingerAction {
    if (this.#pingedMs >= 0) {
      if (lastSignMs < this.#pingedMs) {
        if (nowMs - this.#pingedMs >= this.#timeoutMs) return "dead";
        this.dueMs = this.#pingedMs + this.#timeoutMs;
        return "wait";
      }
      this.#pingedMs = -1;
    }
    if (nowMs - lastSignMs < this.#intervalMs) {
      this.dueMs = lastSignMs + this.#intervalMs;
      return "wait";
    }
    if (!mayPing) {
      this.dueMs = nowMs + this.#intervalMs;
      return "wait";
    }
    this.#pingedMs = nowMs;
    this.dueMs = nowMs + this.#timeoutMs;
    return "ping";
  }
}
