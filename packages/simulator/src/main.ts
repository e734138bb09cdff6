/** Simulates clusters, and tells which seeds fail and how to replay them; see USAGE. Fails when one did. */
import { parseArgs } from "node:util";
import { UNSEEN_ENTRY } from "./checks/users/check-users.ts";
import {
  parseClients,
  parseFaultNumbers,
  type ReplayOptions,
  replayCommand,
  resolveReplay,
} from "./explain/replay.ts";
import { EXHIBITS, exhibitNamed, explain, showMuseum, simulate } from "./index.ts";
import { INVARIANTS, type Invariant } from "./invariants/invariants.ts";
import { runInJobs, type SeedReport } from "./jobs.ts";

const TRACE_LINES = 100_000;
const PROGRESS_MS = 30_000;
/** Of runs that cannot be judged to their end: more of them, and the check of users has become blind. */
const MOST_UNJUDGED = 0.05;
/** In fewer runs chance alone may make as many. */
const RUNS_FOR_SHARES = 100;
const MINIMISE_LIMITS = { runs: 300, seconds: 300 };

const USAGE = `usage: node packages/simulator/src/main.ts [options]
  --seed N             the first seed (default 1)
  --runs N             how many seeds (default 1)
  --seconds N          no new run begins after so long
  --jobs N             runs side by side, in processes of their own (default 1)
  --trouble-ms N       world time for which faults come (default 15000)
  --plant NAME         a mistake of the museum to plant; may be repeated
  --ignore INVARIANT   goes on past this invariant; may be repeated
  --only-faults N,N    of the faults that the seed makes only these, or "none"
  --only-clients A,B   of the clients only these, or "none"
  --trace, --verbose   all that happened; a line for each run
                       every half a minute stderr is told how far it is; after an interrupt no new run begins
  --explain FILE       an HTML page about the first run that fails, minimised (unless --no-minimise), or about the only run
  --museum             tells for each planted mistake after how many seeds it is found; fails when one is not
    --only NAME        this mistake; may be repeated
    --max-seeds N      given up after so many (default 2000)
    --shares N         how many of N seeds find each, instead`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1" },
    seconds: { type: "string", default: "Infinity" },
    jobs: { type: "string", default: "1" },
    "trouble-ms": { type: "string", default: "15000" },
    plant: { type: "string", multiple: true, default: [] },
    ignore: { type: "string", multiple: true, default: [] },
    "only-faults": { type: "string" },
    "only-clients": { type: "string" },
    explain: { type: "string" },
    "no-minimise": { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    museum: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    "max-seeds": { type: "string", default: "2000" },
    shares: { type: "string", default: "0" },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
if (values.museum) {
  const exhibits = values.only.length > 0 ? values.only.map(exhibitNamed) : EXHIBITS;
  const isComplete = await showMuseum(
    exhibits,
    Number(values["max-seeds"]),
    Number(values.shares),
    console.log,
  );
  process.exit(isComplete ? 0 : 1);
}
// Throws when there is no such mistake.
for (const name of values.plant) exhibitNamed(name);
refuseUnknown("invariant", values.ignore, INVARIANTS);
const { "only-faults": onlyFaults, "only-clients": onlyClients } = values;
const replay: Omit<ReplayOptions, "seed"> = {
  plants: values.plant,
  ignoredInvariants: values.ignore as Invariant[],
  troubleMs: Number(values["trouble-ms"]),
  onlyFaults: onlyFaults === undefined ? undefined : parseFaultNumbers(onlyFaults),
  onlyClients: onlyClients === undefined ? undefined : parseClients(onlyClients),
};

const startedMs = performance.now();
const counts = new Map<string, number>();
/** By what they broke, or found. */
const failedSeeds = new Map<string, number[]>();
let runs = 0;
let failed = 0;
let isInterrupted = false;
process.once("SIGINT", () => {
  isInterrupted = true;
});
const progress = setInterval(() => console.error(progressLine()), PROGRESS_MS);
await runInJobs({
  jobs: Number(values.jobs),
  firstSeed: Number(values.seed),
  runs: Number(values.runs),
  isOver: () => isInterrupted || performance.now() > startedMs + Number(values.seconds) * 1_000,
  settings: { ...replay, traceLines: values.trace ? TRACE_LINES : 0 },
  onReport: report,
});
clearInterval(progress);
if (values.verbose) console.log([...counts].map(([what, count]) => `${what}: ${count}`).join(", "));
for (const [what, seeds] of failedSeeds) {
  console.log(`${what}: ${seeds.length} seeds, ${seeds.slice(0, 8).join(" ")}`);
}
console.log(progressLine());
if (values.explain !== undefined) await explainFirst(values.explain);
const unjudged = (counts.get(UNSEEN_ENTRY) ?? 0) / runs;
const isBlind = runs >= RUNS_FOR_SHARES && unjudged > MOST_UNJUDGED;
if (isBlind) console.log(`${UNSEEN_ENTRY}: in ${Math.round(unjudged * 100)} % of all runs`);
process.exitCode = failed > 0 || isBlind ? 1 : 0;

function progressLine(): string {
  const rate = runs / ((performance.now() - startedMs) / 1_000);
  return `${runs} runs from seed ${values.seed}, ${failed} failed, ${rate.toFixed(2)} seeds/s`;
}

function report(result: SeedReport): void {
  runs++;
  for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  if (values.trace) console.log(result.trace.join("\n"));
  if (values.verbose || values.trace) console.log(result.summary);
  if (result.violations.length === 0) return;
  failed++;
  const kind = kindOf(result.violations[0]!);
  failedSeeds.set(kind, [...(failedSeeds.get(kind) ?? []), result.seed]);
  console.log(`seed ${result.seed} failed:`);
  for (const text of result.violations.slice(0, 5)) console.log(`  ${text}`);
  console.log(`  replay: ${replayCommand({ ...replay, seed: result.seed })} --trace`);
}

/** The first run that failed, or the only one. */
async function explainFirst(file: string): Promise<void> {
  const [seed = values.runs === "1" ? Number(values.seed) : undefined] = [...failedSeeds.values()].flat();
  if (seed === undefined) return;
  const options = { ...replay, seed };
  const result = await simulate(await resolveReplay(options));
  const limits = values["no-minimise"] ? undefined : MINIMISE_LIMITS;
  const { minimised, replay: command } = await explain(options, result, file, limits);
  if (minimised !== undefined) console.log(`minimised in ${minimised.runs} runs: ${command}`);
  console.log(`timeline: ${file}`);
}

/** The invariant that was broken, or else the beginning of what was wrong. */
function kindOf(violation: string): string {
  const name = violation.slice(0, violation.indexOf(":"));
  return name in INVARIANTS ? name : violation.split("\n")[0]!.replace(/\d+/g, "N").slice(0, 60);
}

function refuseUnknown(what: string, names: readonly string[], known: object): void {
  for (const name of names) {
    if (!(name in known))
      throw new Error(`no such ${what}: ${name}; there are ${Object.keys(known).join(", ")}`);
  }
}
