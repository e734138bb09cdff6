/** An int64 from a client as a number: values beyond 2^53 become the nearest safe integer, which compares the same. */
export function saturate(value: bigint): number {
  if (value > MAX) return Number.MAX_SAFE_INTEGER;
  if (value < -MAX) return -Number.MAX_SAFE_INTEGER;
  return Number(value);
}

const MAX = BigInt(Number.MAX_SAFE_INTEGER);
