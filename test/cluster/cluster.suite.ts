/**
 * Three members as real processes, hurt one fault at a time under load that is checked. Arguments behind `--`:
 * `--only NAME,NAME`, `--seed N`, `--members N`, `--network namespaces|proxies`, `--long`.
 */
import { FAULTS } from "./faults/faults.ts";
import { runSuite } from "./suite.ts";

runSuite({ faults: FAULTS, sizes: [3], seeds: 1, long: false });
