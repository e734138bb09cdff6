/**
 * Plants one known mistake at a time in a copy of the package, and runs the suite on it, which must fail. Usage:
 * `node packages/raft/scripts/mutations.ts [--write] [NAME...]`; `--write` puts the outcome into docs/mutations.md. Only
 * then all parts of the suite are run on each, and not those behind the first that has caught it.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { MUTATIONS, type Mutation } from "./mutation-list.ts";

const packageRoot = path.resolve(import.meta.dirname, "..");
const repositoryRoot = path.resolve(packageRoot, "../..");

/** The parts of the suite, from the quickest to the slowest. */
const SUITES = [
  { name: "tables", files: "src/**/!(run-vectors|simulation).test.ts" },
  { name: "reference runs", files: "src/testing/run-vectors.test.ts" },
  { name: "simulation", files: "src/testing/sim/simulation.test.ts" },
] as const;

interface Outcome {
  readonly mutation: Mutation;
  /** For each suite the first test that failed, or undefined. */
  readonly caught: readonly (string | undefined)[];
}

function plant({ file, find, replace }: Mutation, root: string): void {
  const target = path.join(root, file);
  const source = readFileSync(target, "utf8");
  if (source.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`);
  writeFileSync(
    target,
    source.replace(find, () => replace),
  );
}

async function firstFailure(root: string, files: string): Promise<string | undefined> {
  const { failed, stdout } = await runTests(root, files);
  if (!failed) return undefined;
  const failures = [...stdout.matchAll(/^( *)not ok \d+ - (.*)$/gm)];
  // Subtests are indented; the innermost says most.
  return failures.find(([, indent]) => indent !== "")?.[2] ?? failures[0]?.[2] ?? "(does not end)";
}

function runTests(
  root: string,
  files: string,
): Promise<{ readonly failed: boolean; readonly stdout: string }> {
  const options = {
    cwd: root,
    maxBuffer: 1 << 28,
    timeout: 120_000,
    env: { ...process.env, QUORATE_RUNS: "400", NODE_TEST_CONTEXT: undefined },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ["--test", "--test-reporter=tap", files], options, (error, stdout) =>
      resolve({ failed: error !== null, stdout }),
    );
  });
}

/** `isWhole`: with all parts of the suite, whatever the first ones find. */
async function run(mutation: Mutation | undefined, isWhole: boolean): Promise<(string | undefined)[]> {
  const root = mkdtempSync(path.join(tmpdir(), "raft-mutation-"));
  try {
    cpSync(packageRoot, root, { recursive: true, filter: (source) => !source.includes("node_modules") });
    symlinkSync(path.join(repositoryRoot, "node_modules"), path.join(root, "node_modules"));
    if (mutation !== undefined) plant(mutation, root);
    const failures: (string | undefined)[] = [];
    for (const { files } of SUITES) {
      const failure = await firstFailure(root, files);
      failures.push(failure);
      if (failure !== undefined && !isWhole) break;
    }
    return failures;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** As many at once as there are processors; the outcomes are in the order of the list. */
async function runAll(mutations: readonly Mutation[], isWhole: boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < mutations.length) {
      const index = next++;
      const mutation = mutations[index]!;
      const caught = await run(mutation, isWhole);
      const by = SUITES.filter((_, i) => caught[i] !== undefined).map(({ name }) => name);
      console.log(`${by.length > 0 ? "caught" : "MISSED"}  ${mutation.name}  [${by.join(", ")}]`);
      outcomes[index] = { mutation, caught };
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return outcomes;
}

function toMarkdown(outcomes: readonly Outcome[]): string {
  const items = outcomes.map(({ mutation, caught }) => {
    const by = SUITES.flatMap(({ name }, i) =>
      caught[i] === undefined ? [] : [`  - ${name}: ${caught[i]}`],
    );
    return [`- **${mutation.name}** (\`${mutation.file}\`)`, ...by].join("\n").replaceAll("\\#", "#");
  });
  return [
    "# Mutation checks",
    "",
    "Each item is a mistake that a Raft implementation could make. `node packages/raft/scripts/mutations.ts --write` plants",
    "them one by one in a copy of the package, runs the suite on each, fails if one passes, and writes this page: for each part",
    "of the suite that caught the mistake, the first test that did. The simulation runs 400 seeds; where it is not named, the",
    "mistake is one of liveness or of contract, or needs more seeds.",
    "",
    ...items,
    "",
  ].join("\n");
}

const args = process.argv.slice(2);
const isWritten = args.includes("--write");
const names = args.filter((arg) => !arg.startsWith("--"));
const selected = MUTATIONS.filter(
  ({ name }) => names.length === 0 || names.some((part) => name.includes(part)),
);
const clean = (await run(undefined, true)).find((failure) => failure !== undefined);
if (clean !== undefined) throw new Error(`the suite fails without any mistake: ${clean}`);
const outcomes = await runAll(selected, isWritten);
if (isWritten) {
  writeFileSync(path.join(packageRoot, "docs/mutations.md"), toMarkdown(outcomes));
}
const missed = outcomes.filter(({ caught }) => caught.every((failure) => failure === undefined));
console.log(`${outcomes.length} mistakes, ${missed.length} missed`);
process.exitCode = missed.length > 0 ? 1 : 0;
