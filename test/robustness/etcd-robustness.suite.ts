/**
 * etcd's own robustness suite with our server in etcd's place: load, failpoints, and a check of everything that clients saw
 * against etcd's model. Arguments behind `--`:
 *
 * - `--rounds N`: every scenario so often; by default as many runs, in an order of the seed's, as fit into `--seconds N` (240)
 * - `--members 1|3`, `--only NAME,NAME` (see scenarios.ts), `--failpoint NAME`: which scenarios, and which failpoint they draw
 * - `--seed N`: the order, the settings of the clusters and the failpoints that are drawn
 * - `--checker-seconds N`: how long the search for an order of the operations may take (60)
 * - `--at-once N`: runs side by side (1); each needs about two cores, or it cannot be decided
 * - `--no-mixed`: no clusters with members of the release before
 * - `--as-released`: the suite's proxies stand still after sixteen failed dials, and members of two releases may not
 *   spell their first entries differently, as in etcd's release
 * - `--keep`: keeps logs and histories of runs that have passed, too
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { parseArgs } from "node:util";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { repositoryRoot, target } from "@quorate/testkit/target";
import { enclosure } from "../etcd-tests/enclosure.ts";
import { layOutPrograms } from "../etcd-tests/modules.ts";
import { type RobustnessPrograms, robustnessPrograms } from "./programs.ts";
import { runScenario } from "./run.ts";
import { type LeftOut, leftOutOf, type RobustnessScenario, readLeftOut, SCENARIOS } from "./scenarios.ts";
import { Tally } from "./tally.ts";

const LEFT_OUT_FILE = path.join(repositoryRoot, "docs/foreign-suites.md");
/** At most so many runs of a hundred may stay undecided. */
const MAX_UNDECIDED_PERCENT = 20;

/** Not all settings of a cluster allow for each failpoint: they are drawn so often until they do. */
const MAX_DRAWS = 8;

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  allowNegative: true,
  options: {
    rounds: { type: "string" },
    seconds: { type: "string", default: "240" },
    members: { type: "string" },
    only: { type: "string" },
    failpoint: { type: "string" },
    seed: { type: "string" },
    "at-once": { type: "string", default: "1" },
    "checker-seconds": { type: "string", default: "60" },
    mixed: { type: "boolean", default: true },
    "as-released": { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

interface PlannedRun {
  readonly scenario: RobustnessScenario;
  readonly round: number;
  readonly runSeed: number;
}

/** What all runs have in common. */
interface Setup {
  readonly programs: RobustnessPrograms;
  readonly binDir: string;
  /** Each run makes a folder in it. */
  readonly dir: string;
  readonly leftOut: readonly LeftOut[];
  readonly tally: Tally;
}

const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const rounds = values.rounds === undefined ? Number.POSITIVE_INFINITY : Number(values.rounds);
const limitMs = values.rounds === undefined ? Number(values.seconds) * 1_000 : Number.POSITIVE_INFINITY;
const atOnce = Number(values["at-once"]);

testWithSeed(`etcd's robustness suite (seed ${seed})`, { seed, concurrency: atOnce }, async (_, t) => {
  if (process.platform !== "linux") return t.skip("needs signals and terminals as Linux has them");
  const scenarios = wantedScenarios();
  const programs = robustnessPrograms((line) => t.diagnostic(line));
  if ("missing" in programs) return t.skip(programs.missing);
  await runAll(t, scenarios, programs.found);
});

function wantedScenarios(): RobustnessScenario[] {
  const names = values.only?.split(",");
  const unknown = names?.filter((name) => SCENARIOS.every((scenario) => scenario.name !== name)) ?? [];
  const known = SCENARIOS.map(({ name }) => name).join(", ");
  assert.deepEqual(unknown, [], `no such scenario; there are ${known}`);
  return SCENARIOS.filter(
    (scenario) =>
      names?.includes(scenario.name) !== false &&
      (values.members === undefined || scenario.members === Number(values.members)) &&
      // Others have a failpoint of their own.
      (values.failpoint === undefined || scenario.exploratory),
  );
}

async function runAll(
  t: TestContext,
  scenarios: readonly RobustnessScenario[],
  programs: RobustnessPrograms,
): Promise<void> {
  const { name, command } = target();
  const leftOut = name === "etcd" ? [] : readLeftOut(readFileSync(LEFT_OUT_FILE, "utf8"));
  const dir = mkdtempSync(path.join(tmpdir(), "quorate-robustness-"));
  const binDir = path.join(dir, "bin");
  layOutPrograms(binDir, name === "etcd" ? [programs.etcd] : command, {
    ...programs,
    oldEtcd: values.mixed ? programs.oldEtcd : undefined,
  });
  t.diagnostic(`logs and histories of runs that did not pass are kept in ${dir}`);
  if (enclosure().length === 0) {
    assert.equal(atOnce, 1, "runs side by side need a network each: unshare is missing or not allowed");
    t.diagnostic(
      "no network of its own (unshare is missing or not allowed): nothing else may use ports 12381 to 32381",
    );
  }
  const tally = new Tally();
  const setup: Setup = { programs, binDir, dir, leftOut, tally };
  const runs = plannedRuns(scenarios);
  const runInTurn = async (): Promise<void> => {
    for (const run of runs) {
      await t.test(`${run.scenario.name}, round ${run.round}`, (t) => testRun(t, run, setup));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runInTurn));
  for (const line of tally.lines()) t.diagnostic(line);
  rmSync(binDir, { recursive: true });
  if (tally.passed === tally.runs && !values.keep) rmdirSync(dir);
  assert.ok(
    tally.undecided * 100 <= tally.runs * MAX_UNDECIDED_PERCENT,
    `${tally.undecided} of ${tally.runs} runs are undecided: the machine is too busy, or the checker is given too little time`,
  );
}

/**
 * What the suite says when nothing was judged. It cuts a member off by its own proxy alone; where another member has no
 * stream of that one yet (a connection made before it listened hangs in the proxy for ten seconds), its acknowledgements
 * come as posts through the other's proxy, and it never falls behind.
 */
const FAULT_NOT_IN_PLACE = "failed triggering failpoint, err: context deadline exceeded";

async function testRun(
  t: TestContext,
  { scenario, round, runSeed }: PlannedRun,
  setup: Setup,
): Promise<void> {
  const { programs, binDir, tally } = setup;
  const dir = path.join(setup.dir, `${round}-${scenario.name.replace("/", "-")}`);
  const draw = (seed: number): ReturnType<typeof runScenario> =>
    runScenario({
      scenario,
      suite: programs.suite,
      certDir: programs.certDir,
      binDir,
      dir,
      seed,
      failpoint: values.failpoint,
      leftOut: leftOutOf(scenario, setup.leftOut),
      checkerMs: Number(values["checker-seconds"]) * 1_000,
      keep: values.keep,
      asReleased: values["as-released"],
    });
  let drawn = runSeed;
  let run = await draw(drawn);
  while (run.kind === "unavailable" && drawn < runSeed + MAX_DRAWS) run = await draw(++drawn);
  if (run.kind === "failed" && run.why.startsWith(FAULT_NOT_IN_PLACE)) {
    t.diagnostic(`once more, the fault was not in place in time: ${run.why}`);
    run = await draw(++drawn);
  }
  tally.add(scenario.name, run);
  const what = `${run.failpoint ?? "no failpoint"}, seed ${drawn}, ${run.seconds.toFixed(1)} s`;
  t.diagnostic(what);
  if (run.kind === "failed") {
    const again = `--only ${scenario.name} --seed ${drawn} --rounds 1`;
    assert.fail(`${what}: ${run.why}\nlog and history: ${dir}\nthe same draws again: ${again}`);
  }
  if (run.kind !== "passed") t.skip(`${run.kind}: ${run.why}`);
}

/** Round after round, every scenario in an order of the seed's, until there are enough or the time is over. */
function* plannedRuns(scenarios: readonly RobustnessScenario[]): Generator<PlannedRun> {
  const random = new SeededRandom(seed);
  // The first run has the seed itself, so that a single run can be asked for.
  let runSeed = seed;
  const startedAt = performance.now();
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of random.shuffled(scenarios)) {
      if (performance.now() - startedAt > limitMs) return;
      yield { scenario, round, runSeed };
      runSeed = random.next();
    }
  }
}
