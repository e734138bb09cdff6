import { realClock } from "../seams/real-clock.ts";
import { BboltBackend, type BboltBackendOptions } from "./bbolt-backend.ts";

export type TestedBackendOptions = Partial<Omit<BboltBackendOptions, "path">>;

/** A database on the machine's disk. Unless `options` say otherwise: with the real clock, and nothing may fail. */
export function openTested(path: string, options: TestedBackendOptions = {}): Promise<BboltBackend> {
  return BboltBackend.open({
    path,
    clock: realClock,
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });
}
