import { WaitingRoom } from "../http2/waiting-room.ts";
import { TurnBudget } from "../turn-budget.ts";

/** Inflating more than this would hold up the event loop, so it moves to a thread. */
const SYNCHRONOUS_BYTES = 131_072;
/** What is inflated on the loop in one turn, for all calls; a message more may come on top. */
export const INFLATED_IN_A_TURN = 262_144;
/** What a message costs that has nothing in it. */
const COST_OF_ONE = 4096;
/** Messages that are inflated off the loop at the same time, each to as much as the limit allows; more wait. */
const MOST_OFF_THE_LOOP = 8;
/** Larger messages are not compressed, which gRPC leaves to the sender: that would hold up the loop. */
export const LARGEST_COMPRESSED = 131_072;

export const INFLATED_TOO_LARGE = Symbol("inflated too large");
export const INFLATE_FAILED = Symbol("inflate failed");
export type InflateResult = Uint8Array | typeof INFLATED_TOO_LARGE | typeof INFLATE_FAILED;

/** Loaded with the first message that is compressed: to load it takes longer than a client with one request has to. */
const zlib = () => process.getBuiltinModule("node:zlib");

/** Of this process. */
export const inflateTurns = new TurnBudget(INFLATED_IN_A_TURN);
let offTheLoop = 0;
const waiting = new WaitingRoom(() => offTheLoop >= MOST_OFF_THE_LOOP);

/**
 * Inflates a gzip message to at most `limit` octets. Small ones return at once, as long as the turn has not had enough of
 * them; for others this returns undefined, keeps `message`, which the caller therefore must own, and calls `done` later.
 */
export function inflate(
  message: Uint8Array,
  limit: number,
  done: (result: InflateResult) => void,
): InflateResult | undefined {
  if (message.length > SYNCHRONOUS_BYTES) {
    inflateOffTheLoop(message, limit, done);
    return undefined;
  }
  if (!inflateTurns.isSpent) return inflateNow(message, limit, done);
  inflateTurns.wait(() => {
    const result = inflateNow(message, limit, done);
    if (result !== undefined) done(result);
  });
  return undefined;
}

function inflateNow(
  message: Uint8Array,
  limit: number,
  done: (result: InflateResult) => void,
): InflateResult | undefined {
  const synchronousLimit = Math.min(limit, SYNCHRONOUS_BYTES);
  try {
    const inflated = zlib().gunzipSync(message, { maxOutputLength: Math.max(1, synchronousLimit) });
    inflateTurns.spend(COST_OF_ONE + inflated.length);
    return plain(inflated);
  } catch (error) {
    if (!isTooLarge(error)) {
      inflateTurns.spend(COST_OF_ONE + message.length);
      return INFLATE_FAILED;
    }
    inflateTurns.spend(COST_OF_ONE + synchronousLimit);
    if (synchronousLimit === limit) return INFLATED_TOO_LARGE;
  }
  inflateOffTheLoop(message, limit, done);
  return undefined;
}

function inflateOffTheLoop(message: Uint8Array, limit: number, done: (result: InflateResult) => void): void {
  waiting.enter(() => {
    offTheLoop++;
    zlib().gunzip(message, { maxOutputLength: limit }, (error, inflated) => {
      offTheLoop--;
      waiting.recheck();
      if (error === null) done(plain(inflated));
      else done(isTooLarge(error) ? INFLATED_TOO_LARGE : INFLATE_FAILED);
    });
  });
}

/** Compresses a message to send, of at most {@link LARGEST_COMPRESSED} octets. */
export function deflate(message: Uint8Array): Uint8Array {
  return zlib().gzipSync(message, { level: 1 });
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}

/** The same octets without Buffer's methods, whose `slice` does not copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
