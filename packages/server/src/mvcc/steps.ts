/**
 * Work that can be interrupted: it yields where it may be, and is told by the value of `next` whether it was, that is,
 * whether anything may have changed since.
 */
export type Steps<Result> = Generator<undefined, Result, boolean>;

const CHUNK = 2048;

/** Stable merge sort that never works long without yielding. The order compared by must not change meanwhile. */
export function* sortInSteps(items: number[], compare: (a: number, b: number) => number): Steps<void> {
  if (items.length <= CHUNK) {
    items.sort(compare);
    return;
  }
  for (let start = 0; start < items.length; start += CHUNK) {
    const part = items.slice(start, start + CHUNK).sort(compare);
    for (let i = 0; i < part.length; i++) items[start + i] = part[i]!;
    yield;
  }
  let from = items;
  let to: number[] = new Array(items.length);
  for (let width = CHUNK; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      const middle = Math.min(start + width, items.length);
      const end = Math.min(start + 2 * width, items.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takeLeft = left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0);
        to[at] = takeLeft ? from[left++]! : from[right++]!;
        if (at % CHUNK === 0) yield;
      }
    }
    [from, to] = [to, from];
  }
  if (from !== items) for (let i = 0; i < items.length; i++) items[i] = from[i]!;
}
