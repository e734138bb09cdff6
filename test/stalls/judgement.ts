/** What a request may cost others, and when a figure says that it cost more. */
import type { Measurement } from "./measurement.ts";

export const LIMITS = {
  putMs: 100,
  readMs: 100,
  delayMs: 50,
  turnMs: 50,
  /** A turn's budget of 1 MiB, and a step more: the largest value, and what it is copied into. */
  turnBytes: 4 * 2 ** 20,
} as const;

/** A figure that noise of the same length could explain says nothing. */
const CLEARLY = 3;

/** What is wrong with what was measured; empty when nothing is. */
export function faultsOf(measured: Measurement): string[] {
  const { lateMs, syncMs, shape } = measured;
  const faults = [...measured.faults];
  const check = (what: string, ms: number, limitMs: number, noiseMs: number): void => {
    if (ms <= limitMs || ms <= CLEARLY * noiseMs) return;
    faults.push(`${what} ${Math.round(ms)} ms: more than ${limitMs}, with ${Math.round(noiseMs)} of noise`);
  };
  // A put waits for the sync under way and for its own.
  const entriesMs = shape.isEntry === true ? measured.tookMs : 0;
  check("a put beside waited", measured.putMs, LIMITS.putMs + entriesMs, Math.max(lateMs, syncMs));
  check("a read beside waited", measured.readMs, LIMITS.readMs, lateMs);
  const known = shape.known?.delayMs ?? 0;
  check("the loop was late", measured.delayMs, Math.max(LIMITS.delayMs, known), lateMs);
  // No load of others explains this one.
  const turnMs = Math.max(LIMITS.turnMs, known);
  if (measured.turnMs > turnMs) {
    faults.push(
      `a turn of the loop took ${Math.round(measured.turnMs)} ms of a processor, more than ${turnMs}`,
    );
  }
  if (measured.turnBytes > LIMITS.turnBytes) {
    faults.push(`a turn's work was ${measured.turnBytes}, more than ${LIMITS.turnBytes}`);
  }
  return faults;
}
