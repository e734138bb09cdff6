import { gunzip, gunzipSync, gzipSync } from "node:zlib";

/** Inflating more than this would hold up the event loop, so it moves to a thread. */
const SYNCHRONOUS_BYTES = 131_072;

export const INFLATED_TOO_LARGE = Symbol("inflated too large");
export const INFLATE_FAILED = Symbol("inflate failed");
export type InflateResult = Uint8Array | typeof INFLATED_TOO_LARGE | typeof INFLATE_FAILED;

/**
 * Inflates a gzip message to at most `limit` octets. Small ones return at once; for others this returns undefined, keeps
 * `message`, which the caller therefore must own, and calls `done` later.
 */
export function inflate(
  message: Uint8Array,
  limit: number,
  done: (result: InflateResult) => void,
): InflateResult | undefined {
  const synchronousLimit = Math.min(limit, SYNCHRONOUS_BYTES);
  if (message.length <= SYNCHRONOUS_BYTES) {
    try {
      return plain(gunzipSync(message, { maxOutputLength: Math.max(1, synchronousLimit) }));
    } catch (error) {
      if (!isTooLarge(error)) return INFLATE_FAILED;
      if (synchronousLimit === limit) return INFLATED_TOO_LARGE;
    }
  }
  gunzip(message, { maxOutputLength: limit }, (error, inflated) => {
    if (error === null) done(plain(inflated));
    else done(isTooLarge(error) ? INFLATED_TOO_LARGE : INFLATE_FAILED);
  });
  return undefined;
}

/** Compresses a message to send. */
export function deflate(message: Uint8Array): Uint8Array {
  return gzipSync(message, { level: 1 });
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}

/** The same octets without Buffer's methods, whose `slice` does not copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
