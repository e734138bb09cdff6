import { setTimeout as sleep } from "node:timers/promises";

/** Resolves after so long, or when `signal` is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => {});
}
