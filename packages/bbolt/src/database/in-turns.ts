/** Pages that are looked at in one go. */
const PAGES_A_TURN = 256;

/** Runs steps, a page each, and lets others have their turn now and then. */
export async function inTurns<Result>(
  steps: Generator<void, Result, void>,
  pause: () => Promise<void>,
): Promise<Result> {
  for (let pages = 1; ; pages++) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (pages % PAGES_A_TURN === 0) await pause();
  }
}
