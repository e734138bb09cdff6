/** A clock whose timers are canceled by the function that setting them returns. */
export interface CallbackClock {
  nowMs(): number;
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** The same clock for those who cancel a timer by calling what `setTimer` returns. */
export function withCancelFunctions(clock: {
  nowMs(): number;
  setTimer(delayMs: number, callback: () => void): { cancel(): void };
}): CallbackClock {
  return {
    nowMs: () => clock.nowMs(),
    setTimer(delayMs, callback) {
      const timer = clock.setTimer(delayMs, callback);
      return () => timer.cancel();
    },
  };
}
