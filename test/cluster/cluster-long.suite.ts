/** The same faults many times over, with three and five members, several seeds and a catch-up of 1 GB. */
import { LONG_FAULTS } from "./faults/faults.ts";
import { runSuite } from "./suite.ts";

runSuite({ faults: LONG_FAULTS, sizes: [3, 5], seeds: 2, long: true });
