/** Longer than anything takes that ends at all, on a machine that does many other things as well. */
const LONGEST_WAIT_MS = 120_000;

/** What comes in one of the next turns is not waited for any longer. */
const POLLS_BY_TURN = 100;

/** Polls until `condition` holds. Rejects when it does not after `longestMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  longestMs = LONGEST_WAIT_MS,
): Promise<void> {
  const giveUpAtMs = performance.now() + longestMs;
  for (let polls = 0; !(await condition()); polls++) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited ${longestMs} ms in vain: ${condition}`);
    await new Promise((resolve) => {
      if (polls < POLLS_BY_TURN) setImmediate(resolve);
      else setTimeout(resolve, 1);
    });
  }
}
