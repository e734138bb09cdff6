/**
 * Clusters of our members and etcd's, of the present release and of the one before: a selection that takes a few minutes.
 * Arguments behind `--`: `--only NAME,NAME`, `--seed N`; `--cases N` of what users ask for (1,000; 5,000 in
 * the long suite).
 */
import { directories } from "./directories.ts";
import { migratingGuide } from "./guide/migrating.ts";
import { operatingGuide } from "./guide/operating.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";
import { runMixed } from "./suite.ts";
import { users } from "./users.ts";

runMixed({
  scenarios: SCENARIOS,
  tests: { directories, users, migrating: migratingGuide, operating: operatingGuide },
  long: false,
});
