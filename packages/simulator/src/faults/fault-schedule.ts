import type { Fault } from "./faults.ts";

/** One fault of a run: all that is needed to make it again. */
export interface ScheduledFault {
  /** From 1, in the order in which the faults of a run were made. */
  readonly number: number;
  /** World time. */
  readonly atMs: number;
  readonly fault: Fault;
  /** The machine that was chosen; some faults concern others, too. */
  readonly machine: string;
  readonly durationMs: number;
  /** What else the fault draws comes from a stream of its own, so that one fault less changes nothing for the others. */
  readonly seed: number;
}

/** The faults of `schedule` with these numbers. Throws when there are none of such a number. */
export function selectFaults(
  schedule: readonly ScheduledFault[],
  numbers: readonly number[],
): ScheduledFault[] {
  return numbers.map((number) => {
    const found = schedule.find((fault) => fault.number === number);
    if (found === undefined)
      throw new Error(`the run has no fault ${number}: it has ${schedule.length} faults`);
    return found;
  });
}
