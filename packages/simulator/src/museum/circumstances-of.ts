import type { Scenario } from "../scenario.ts";
import type { Exhibit } from "./exhibit.ts";

/** Only mistakes about them need them, and they cost the others some of their chances. */
const WITHOUT_USERS = { users: 0 };

/** What a run must be like for all of `exhibits` to matter. */
export function circumstancesOf(exhibits: readonly Exhibit[]): Partial<Scenario> {
  if (exhibits.length === 0) return {};
  return Object.assign({}, WITHOUT_USERS, ...exhibits.map(({ circumstances }) => circumstances));
}
