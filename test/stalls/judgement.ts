/** What a request may cost others, and when a figure says that it cost more. */
import type { Measurement } from "./measurement.ts";

export const LIMITS = {
  putMs: 100,
  readMs: 100,
  turnMs: 50,
  /** A turn's budget of 1 MiB and a step more, which may compare two of the largest values and copy them. */
  turnBytes: 7 * 2 ** 20,
} as const;

/** A figure that noise of the same length could explain says nothing. */
const CLEARLY = 3;

/** What is wrong with what was measured; empty when nothing is. */
export function faultsOf(measured: Measurement): string[] {
  const { lateMs, waitMs, syncMs, shape } = measured;
  const faults = [...measured.faults];
  const check = (what: string, ms: number, limitMs: number, noiseMs: number): void => {
    if (ms <= limitMs || ms <= CLEARLY * noiseMs) return;
    faults.push(`${what} ${Math.round(ms)} ms: more than ${limitMs}, with ${Math.round(noiseMs)} of noise`);
  };
  // A put waits for the sync under way and for its own.
  const entriesMs = shape.isEntry === true ? measured.tookMs : 0;
  check("a put beside waited", measured.putMs, LIMITS.putMs + entriesMs, Math.max(lateMs, waitMs, syncMs));
  check("a read beside waited", measured.readMs, LIMITS.readMs, Math.max(lateMs, waitMs));
  // The machine's noise is not in this one.
  check("a turn of the loop took", measured.turnMs, Math.max(LIMITS.turnMs, shape.known?.turnMs ?? 0), 0);
  if (measured.turnBytes > LIMITS.turnBytes) {
    faults.push(`a turn's work was ${measured.turnBytes}, more than ${LIMITS.turnBytes}`);
  }
  return faults;
}
