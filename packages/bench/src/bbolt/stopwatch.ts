/** Time on the clock, and of all processors in all threads of the process, between starts and stops. */
export class Stopwatch {
  ms = 0;
  cpuMs = 0;
  #begun = 0;
  #cpuBegun = 0;

  start(): void {
    this.#cpuBegun = cpuMsOfProcess();
    this.#begun = performance.now();
  }

  stop(): void {
    this.ms += performance.now() - this.#begun;
    this.cpuMs += cpuMsOfProcess() - this.#cpuBegun;
  }
}

function cpuMsOfProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
