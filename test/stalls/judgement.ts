/** What a request may cost others, and when a figure says that it cost more. */
import type { Measurement } from "./measurement.ts";

export interface Limits {
  readonly putMs: number;
  readonly readMs: number;
  readonly turnMs: number;
  readonly turnBytes: number;
}

export const LIMITS: Limits = {
  putMs: 100,
  readMs: 100,
  turnMs: 50,
  /** A turn's budget of 1 MiB and a step more, which may compare two of the largest values and copy them. */
  turnBytes: 7 * 2 ** 20,
};

/** For a part of the suite that is run among others: what is twice as long as it may be is none of the machine's doing. */
export const PATIENT: Limits = { ...LIMITS, putMs: 250, readMs: 250, turnMs: 100 };

/** A figure that noise of the same length could explain says nothing. */
const CLEARLY = 3;

/** What is wrong with what was measured; empty when nothing is. */
export function faultsOf(measured: Measurement, limits: Limits = LIMITS): string[] {
  const { lateMs, waitMs, syncMs, shape } = measured;
  const faults = [...measured.faults];
  const check = (what: string, ms: number, limitMs: number, noiseMs: number): void => {
    if (ms <= limitMs || ms <= CLEARLY * noiseMs) return;
    faults.push(`${what} ${Math.round(ms)} ms: more than ${limitMs}, with ${Math.round(noiseMs)} of noise`);
  };
  // A put waits for the sync under way and for its own.
  const entriesMs =
    (shape.isEntry === true ? measured.tookMs : 0) +
    (shape.isOneEntryMeanwhile === true ? measured.meanwhileMs : 0);
  check("a put beside waited", measured.putMs, limits.putMs + entriesMs, Math.max(lateMs, waitMs, syncMs));
  check("a read beside waited", measured.readMs, limits.readMs, Math.max(lateMs, waitMs));
  // The machine's noise is not in this one.
  check("a turn of the loop took", measured.turnMs, Math.max(limits.turnMs, shape.known?.turnMs ?? 0), 0);
  if (measured.turnBytes > limits.turnBytes) {
    faults.push(`a turn's work was ${measured.turnBytes}, more than ${limits.turnBytes}`);
  }
  return faults;
}
