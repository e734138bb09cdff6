import { CONSENSUS_EXHIBITS } from "./consensus.ts";
import { ELECTION_EXHIBITS } from "./elections.ts";
import { ENGINE_EXHIBITS } from "./engine.ts";
import type { Exhibit } from "./exhibit.ts";
import { LEASE_EXHIBITS } from "./leases.ts";
import { LOG_EXHIBITS } from "./log.ts";
import { MEMBERSHIP_EXHIBITS } from "./membership.ts";
import { MVCC_EXHIBITS } from "./mvcc.ts";
import { STORAGE_EXHIBITS } from "./storage.ts";
import { UNFOUND_EXHIBITS } from "./unfound.ts";
import { USER_EXHIBITS } from "./users.ts";
import { WATCH_EXHIBITS } from "./watches.ts";

export { circumstancesOf } from "./circumstances-of.ts";
export type { Exhibit } from "./exhibit.ts";

/** All mistakes that the simulation must find. */
export const EXHIBITS: readonly Exhibit[] = [
  ...CONSENSUS_EXHIBITS,
  ...ELECTION_EXHIBITS,
  ...LOG_EXHIBITS,
  ...STORAGE_EXHIBITS,
  ...ENGINE_EXHIBITS,
  ...MVCC_EXHIBITS,
  ...WATCH_EXHIBITS,
  ...LEASE_EXHIBITS,
  ...MEMBERSHIP_EXHIBITS,
  ...USER_EXHIBITS,
];

/** Also of those that are not found. Throws a text that names all when there is none of this name. */
export function exhibitNamed(name: string): Exhibit {
  const all = [...EXHIBITS, ...UNFOUND_EXHIBITS];
  const found = all.find((exhibit) => exhibit.name === name);
  if (found !== undefined) return found;
  throw new Error(`no such mistake: ${name}; there are ${all.map((each) => each.name).join(", ")}`);
}
