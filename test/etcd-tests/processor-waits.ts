import { readFileSync } from "node:fs";

const PRESSURE_FILE = "/proc/pressure/cpu";

/** Measures how busy the machine is: for which part of the time something that could run waits for a processor. */
export class ProcessorWaits {
  readonly #read: () => string;
  readonly #startedAt = performance.now();
  readonly #startedUs: number | undefined;

  /** `read` gives the kernel's pressure of processors, as text. */
  constructor(read: () => string = () => readFileSync(PRESSURE_FILE, "utf8")) {
    this.#read = read;
    this.#startedUs = this.#waitedUs();
  }

  /** Of the time since this was made, from 0 to 1; undefined where the system does not tell. */
  share(elapsedMs = performance.now() - this.#startedAt): number | undefined {
    const waitedUs = this.#waitedUs();
    if (this.#startedUs === undefined || waitedUs === undefined) return undefined;
    return Math.min(1, (waitedUs - this.#startedUs) / 1_000 / elapsedMs);
  }

  #waitedUs(): number | undefined {
    try {
      const total = /^some .*total=(\d+)$/m.exec(this.#read())?.[1];
      return total === undefined ? undefined : Number(total);
    } catch {
      return undefined;
    }
  }
}
