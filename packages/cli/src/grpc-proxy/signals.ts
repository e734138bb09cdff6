import type { GrpcProxy, Log } from "@quorate/proxy";

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** What the proxy has registered is to be taken back; no longer is waited for that. */
const CLOSE_WITHIN_MS = 2_000;

/** Whoever waits for the process sees that the signal has ended it. A second one ends it at once. */
export function stopOnSignals(proxy: GrpcProxy, log: Log): void {
  let stopping = false;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (stopping) endBy(signal);
      stopping = true;
      log("info", "received signal; shutting down", { signal });
      const end = () => endBy(signal);
      setTimeout(end, CLOSE_WITHIN_MS);
      proxy.close().then(end, end);
    });
  }
}

/** The first process of a container cannot be ended by its own signal. */
function endBy(signal: NodeJS.Signals): void {
  if (process.pid === 1) process.exit(0);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
