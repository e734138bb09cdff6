import type { CommandSpec } from "./command.ts";

const FARTHEST = 2;

/** Commands that may have been meant: they begin so, or are a few letters away. */
export function suggestionsFor({ commands = [] }: CommandSpec, typed: string): string[] {
  const lower = typed.toLowerCase();
  return commands
    .map(({ name }) => name)
    .filter((name) => distance(lower, name) <= FARTHEST || name.startsWith(lower));
}

/** How many letters have to be changed, added or left out. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const changed = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
