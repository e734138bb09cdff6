/**
 * Zeller's ddmin: a part of `items`, in their order, of which `fails` is still true and of which no single item can be
 * left out. `fails` must hold for `items` and always answer the same for the same part; once it answers undefined (no more
 * tries) the smallest part so far is returned.
 */
export async function deltaDebug<Item>(
  items: readonly Item[],
  fails: (part: readonly Item[]) => Promise<boolean | undefined>,
): Promise<readonly Item[]> {
  // What is not concerned at all is common, and one try.
  if (items.length > 0 && (await fails([])) === true) return [];
  let smallest = items;
  let chunks = 2;
  while (smallest.length > 1) {
    const reduced = await reduce(smallest, chunks, fails);
    if (reduced === "no more tries") break;
    if (reduced !== undefined) {
      chunks = reduced.length < smallest.length / 2 + 1 ? 2 : Math.max(chunks - 1, 2);
      smallest = reduced;
    } else if (chunks < smallest.length) {
      chunks = Math.min(2 * chunks, smallest.length);
    } else break;
  }
  return smallest;
}

/** The first of the chunks that fails alone, or of what is left without one of them. */
async function reduce<Item>(
  items: readonly Item[],
  chunks: number,
  fails: (part: readonly Item[]) => Promise<boolean | undefined>,
): Promise<readonly Item[] | "no more tries" | undefined> {
  const bounds = Array.from({ length: chunks + 1 }, (_, i) => Math.round((i * items.length) / chunks));
  const alone = bounds.slice(1).map((end, i) => items.slice(bounds[i], end));
  const without = bounds.slice(1).map((end, i) => [...items.slice(0, bounds[i]), ...items.slice(end)]);
  // Of two chunks, what is left without one is the other.
  for (const part of chunks === 2 ? alone : [...alone, ...without]) {
    const answer = await fails(part);
    if (answer === undefined) return "no more tries";
    if (answer) return part;
  }
  return undefined;
}
