/** The place of the last of `items`, ascending by time, that is not later than `ms`; -1 when all are. */
export function lastAt(items: readonly { readonly atMs: number }[], ms: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle]!.atMs <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
