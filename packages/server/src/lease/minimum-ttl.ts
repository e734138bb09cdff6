/** Seconds; nothing longer can be granted. */
export const MAXIMUM_TTL_SECONDS = 9_000_000_000;

/** The shortest TTL that survives an election. The halving is an integer one and comes before the multiplication. */
export function minimumTtlSeconds(heartbeatMs: number, electionTimeoutMs: number): number {
  const electionTicks = Math.floor(electionTimeoutMs / heartbeatMs);
  return Math.ceil((Math.floor((3 * electionTicks) / 2) * heartbeatMs) / 1000);
}
