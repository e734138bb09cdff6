import type { Log } from "@quorate/backup";

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

export interface Stopping {
  /** Aborted by the first signal. A second one ends the process at once. */
  readonly signal: AbortSignal;
  /** Whoever waits for the process sees that the signal has ended it, or that not all went well. */
  end(allIsWell: boolean): void;
}

export function untilSignal(log: Log): Stopping {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (received !== undefined) endBy(signal);
      received = signal;
      log("info", "received signal; putting what waits", { signal });
      controller.abort();
    });
  }
  return {
    signal: controller.signal,
    end(allIsWell) {
      if (!allIsWell) process.exit(1);
      if (received !== undefined) endBy(received);
    },
  };
}

/** The first process of a container cannot be ended by its own signal. */
function endBy(signal: NodeJS.Signals): void {
  if (process.pid === 1) process.exit(0);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
