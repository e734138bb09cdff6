/** All mixed clusters, with more rounds. Takes the arguments of the short suite. */
import { corruptionFound } from "./corruption-found.ts";
import { directories } from "./directories.ts";
import { migratingGuide } from "./guide/migrating.ts";
import { operatingGuide } from "./guide/operating.ts";
import { LONG_SCENARIOS } from "./scenarios/scenarios.ts";
import { runMixed } from "./suite.ts";
import { users } from "./users.ts";

runMixed({
  scenarios: LONG_SCENARIOS,
  tests: {
    directories,
    "corruption-found": corruptionFound,
    users,
    migrating: migratingGuide,
    operating: operatingGuide,
  },
  long: true,
});
