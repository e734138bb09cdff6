import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed } from "@quorate/testkit/seed";

/** Scenarios to run, and what says which they are. */
export interface Chosen<Scenario> {
  /** In the order in which they were given. */
  readonly scenarios: readonly Scenario[];
  /** `312 of 775 lines (QUORATE_SEED=7)` */
  readonly what: string;
}

/**
 * What of `all` is run. Arguments of the suite: `--all`, or `--only NAME,NAME`; otherwise as many as have `--lines N` lines
 * together (`byDefault`), drawn with a fresh seed or with `QUORATE_SEED`. `linesOf` counts those of a scenario. Fails when a name
 * is none.
 */
export function chosenScenarios<Scenario extends { readonly name: string }>(
  all: readonly Scenario[],
  linesOf: (scenario: Scenario) => number,
  byDefault: number,
  args = JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  seed = freshSeed(),
): Chosen<Scenario> {
  const { values } = parseArgs({
    args,
    options: {
      all: { type: "boolean", default: false },
      only: { type: "string" },
      lines: { type: "string", default: String(byDefault) },
    },
  });
  const count = (scenarios: readonly Scenario[]) =>
    scenarios.reduce((sum, scenario) => sum + linesOf(scenario), 0);
  if (values.all) return { scenarios: all, what: `${count(all)} lines` };
  const scenarios =
    values.only === undefined
      ? drawn(all, linesOf, Number(values.lines), seed)
      : named(all, values.only.split(","));
  const replay = values.only === undefined ? ` (QUORATE_SEED=${seed})` : "";
  return { scenarios, what: `${count(scenarios)} of ${count(all)} lines${replay}` };
}

function named<Scenario extends { readonly name: string }>(
  all: readonly Scenario[],
  names: readonly string[],
): Scenario[] {
  const unknown = names.filter((name) => all.every((scenario) => scenario.name !== name));
  assert.deepEqual(unknown, [], `there are ${all.map(({ name }) => name).join(", ")}`);
  return all.filter(({ name }) => names.includes(name));
}

function drawn<Scenario>(
  all: readonly Scenario[],
  linesOf: (scenario: Scenario) => number,
  lines: number,
  seed: number,
): Scenario[] {
  assert.ok(Number.isInteger(lines) && lines > 0, `--lines is how many, not ${lines}`);
  const taken = new Set<Scenario>();
  let left = lines;
  for (const scenario of new SeededRandom(seed).shuffled(all)) {
    if (left <= 0) break;
    taken.add(scenario);
    left -= linesOf(scenario);
  }
  return all.filter((scenario) => taken.has(scenario));
}
