import type { Exhibit } from "./exhibit.ts";
import { type Discovery, discover } from "./visit.ts";

/**
 * Tells of each exhibit, by `print`, one line of a table: name, mistake, origin, the rule that finds it, the first seed
 * that does, and the share of the seeds that do. It runs `shares` seeds of each; 0: as many as it takes to find it, at most
 * `maxSeeds`. Returns whether all were found.
 */
export async function showMuseum(
  exhibits: readonly Exhibit[],
  maxSeeds: number,
  shares: number,
  print: (line: string) => void,
): Promise<boolean> {
  let isComplete = true;
  print("| name | mistake | origin | found by | first seed | share of seeds |");
  print("|---|---|---|---|---|---|");
  for (const exhibit of exhibits) {
    const discoveries: Discovery[] = [];
    const wantsFirst = shares === 0;
    let seeds = 0;
    while (seeds < (wantsFirst ? maxSeeds : shares) && !(wantsFirst && discoveries.length > 0)) {
      const discovery = await discover(exhibit, ++seeds);
      if (discovery !== undefined) discoveries.push(discovery);
    }
    isComplete &&= discoveries.length > 0;
    print(describe(exhibit, discoveries, seeds));
  }
  return isComplete;
}

function describe(
  { name, mistake, origin }: Exhibit,
  discoveries: readonly Discovery[],
  seeds: number,
): string {
  const rules = Object.entries(Object.groupBy(discoveries, ({ rule }) => rule))
    .toSorted(([, a], [, b]) => b!.length - a!.length)
    .map(([rule]) => rule);
  const first = discoveries[0]?.seed ?? "none";
  return `| \`${name}\` | ${mistake} | ${origin} | ${rules.join(", ")} | ${first} | ${discoveries.length} of ${seeds} |`;
}
