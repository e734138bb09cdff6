/**
 * Runs every `*.test.ts` of the packages (or those whose path contains an argument) with node:test. The named
 * suites (`*.suite.ts`) start real servers and run by `scripts/run-suite.ts`.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";

const repositoryRoot = path.resolve(import.meta.dirname, "..");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const options = process.argv.slice(2).filter((argument) => argument.startsWith("--"));

const files = globSync(
  [
    "packages/*/src/**/*.test.ts",
    "packages/*/test/**/*.test.ts",
    "scripts/**/*.test.ts",
    "test/**/*.test.ts",
  ],
  {
    cwd: repositoryRoot,
    exclude: (name) => name.split(path.sep).includes("node_modules"),
  },
)
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();

if (files.length === 0) {
  console.error("no test files");
  process.exit(1);
}

/** Much longer than any test takes on a busy machine: one that waits in vain is a failure with a name. */
const LONGEST_TEST_MS = 900_000;

/** Each file is a process: most of what a short one takes is loading code, which is compiled once with this. */
const NODE_COMPILE_CACHE =
  process.env.NODE_COMPILE_CACHE ?? path.join(repositoryRoot, "node_modules/.cache/quorate");

/** A process for each file, more than there are cores: many wait for leases, elections and the disk most of the time. */
const concurrency = Math.min(4, 2 * availableParallelism());
const run = spawnSync(
  process.execPath,
  [
    "--disable-warning=ExperimentalWarning",
    "--test",
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${LONGEST_TEST_MS}`,
    ...options,
    ...files,
  ],
  { cwd: repositoryRoot, env: { ...process.env, NODE_COMPILE_CACHE }, stdio: "inherit" },
);
process.exit(run.status ?? 1);
