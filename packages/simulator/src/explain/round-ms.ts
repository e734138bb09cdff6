/** Microseconds are fine enough to be shown, and short to be written. */
export function roundMs(ms: number): number {
  return Math.round(1_000 * ms) / 1_000;
}

export function roundMsOrNull(ms: number | undefined): number | null {
  return ms === undefined ? null : roundMs(ms);
}
