import type { Clock } from "./clock.ts";

/** Resolves after `delayMs`, or to false as soon as `signal` fires. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted === true) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onAbort = () => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve(true);
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Runs `run`, whose signal fires after `limitMs`, or when `outer` does: then it is to end by itself. */
export async function within<Result>(
  clock: Clock,
  limitMs: number,
  run: (signal: AbortSignal) => Promise<Result>,
  outer?: AbortSignal,
): Promise<Result> {
  const tooLate = new AbortController();
  const timer = clock.setTimer(limitMs, () => tooLate.abort());
  try {
    return await run(outer === undefined ? tooLate.signal : AbortSignal.any([outer, tooLate.signal]));
  } finally {
    timer.cancel();
  }
}

/** Resolves after the I/O of this turn of the event loop. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
