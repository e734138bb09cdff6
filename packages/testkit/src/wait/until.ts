/** Longer than anything takes that ends at all, on a machine that does many other things as well. */
const LONGEST_WAIT_MS = 120_000;

/** Polls until `condition` holds. Rejects when it does not after `longestMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  longestMs = LONGEST_WAIT_MS,
): Promise<void> {
  const giveUpAtMs = performance.now() + longestMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited ${longestMs} ms in vain: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
