import { simulate } from "../run.ts";
import type { Rule } from "../world/rule.ts";
import { circumstancesOf } from "./circumstances-of.ts";
import type { Exhibit } from "./exhibit.ts";
import { CANNOT_BE_PLANTED } from "./replace-method.ts";

/** World time for which faults come: less than usual, since many runs make sure of more than long ones. */
const VISIT_TROUBLE_MS = 6_000;

export interface Discovery {
  readonly seed: number;
  readonly rule: Rule;
  /** The first violation, in one line. */
  readonly violation: string;
}

/** Whether the run of `seed` shows that `exhibit` is planted; undefined when nothing was found. Throws when it cannot be planted. */
export async function discover(exhibit: Exhibit, seed: number): Promise<Discovery | undefined> {
  const { violations, brokenRules } = await simulate({
    seed,
    plants: [exhibit],
    circumstances: circumstancesOf([exhibit]),
    troubleMs: VISIT_TROUBLE_MS,
  });
  if (violations.length === 0) return undefined;
  // Nobody would miss an exhibit that alters nothing any more, and is found for that.
  if (CANNOT_BE_PLANTED.test(violations[0]!)) throw new Error(`${exhibit.name}: ${violations[0]}`);
  return { seed, rule: brokenRules[0]!, violation: violations[0]!.split("\n")[0]! };
}
