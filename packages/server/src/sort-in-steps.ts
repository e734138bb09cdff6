import type { Steps } from "@quorate/storage/slices";

/** Items sorted at once at most. */
const CHUNK = 2048;
/** What is done between two yields, if one comparison does not cost more. */
const STEP_COST = 2 ** 18;

export interface Comparison {
  /** Never says that two different items are equal, and says the same all the time. */
  compare(a: number, b: number): number;
  /** What one comparison may cost, see `costOf`. */
  readonly mostCost: number;
  /** What all of them have cost so far. */
  readonly cost: number;
}

/** Merge sort of numbers that never works long without yielding. */
export function* sortInSteps(items: Int32Array, comparison: Comparison): Steps<void> {
  const compare = (a: number, b: number) => comparison.compare(a, b);
  let chunk = CHUNK;
  while (chunk > 1 && chunk * Math.log2(chunk) * comparison.mostCost > STEP_COST) chunk /= 2;
  let { cost } = comparison;
  if (chunk > 1) {
    for (let start = 0; start < items.length; start += chunk) {
      items.subarray(start, start + chunk).sort(compare);
      yield comparison.cost - cost;
      cost = comparison.cost;
    }
  }
  let from = items;
  let to: Int32Array = new Int32Array(items.length);
  for (let width = chunk; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      const middle = Math.min(start + width, items.length);
      const end = Math.min(start + 2 * width, items.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takeLeft = left < middle && (right >= end || compare(from[left]!, from[right]!) < 0);
        to[at] = takeLeft ? from[left++]! : from[right++]!;
        if (comparison.cost - cost < STEP_COST) continue;
        yield comparison.cost - cost;
        cost = comparison.cost;
      }
    }
    [from, to] = [to, from];
  }
  if (from !== items) items.set(from);
}
