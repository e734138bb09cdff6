/**
 * Simulates clusters: `node packages/simulator/src/main.ts [--seed N] [--runs N] [--seconds N] [--trouble-ms N]
 * [--plant NAME]... [--trace]`. Prints each run that fails, and how to replay it; fails when one did.
 */
import { parseArgs } from "node:util";
import { PLANTS, type Plant, type RunResult, simulate } from "./index.ts";

const TRACE_LINES = 100_000;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1" },
    seconds: { type: "string", default: "Infinity" },
    "trouble-ms": { type: "string", default: "15000" },
    plant: { type: "string", multiple: true, default: [] },
    trace: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const plants = values.plant as Plant[];
for (const plant of plants) {
  if (!(plant in PLANTS))
    throw new Error(`no such mistake: ${plant}; there are ${Object.keys(PLANTS).join(", ")}`);
}
const firstSeed = Number(values.seed);
const startedMs = performance.now();
let failed = 0;
let runs = 0;
const counts = new Map<string, number>();
for (; runs < Number(values.runs); runs++) {
  if (performance.now() - startedMs > Number(values.seconds) * 1_000) break;
  const troubleMs = Number(values["trouble-ms"]);
  const runStartedMs = performance.now();
  const traceLines = values.trace ? TRACE_LINES : 0;
  const result = await simulate({ seed: firstSeed + runs, plants, troubleMs, traceLines });
  for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  if (values.trace) console.log(result.trace.join("\n"));
  if (values.verbose || values.trace) console.log(summary(result, performance.now() - runStartedMs));
  if (result.violations.length === 0) continue;
  failed++;
  console.log(`seed ${result.seed} failed:`);
  for (const text of result.violations.slice(0, 5)) console.log(`  ${text}`);
  const mistakes = plants.map((plant) => ` --plant ${plant}`).join("");
  console.log(
    `  replay: node packages/simulator/src/main.ts --seed ${result.seed} --trouble-ms ${troubleMs}${mistakes} --trace`,
  );
}
if (values.verbose) console.log([...counts].map(([what, count]) => `${what}: ${count}`).join(", "));
console.log(`${runs} runs from seed ${firstSeed}, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function summary(result: RunResult, tookMs: number): string {
  const { seed, digest, worldMs, events, operations, acknowledged, revisions, leases, watched } = result;
  return (
    `seed ${seed}: ${digest}, ${(worldMs / 1000).toFixed(1)} s in ${(tookMs / 1000).toFixed(1)} s, ${events} events, ` +
    `${acknowledged} of ${operations} operations, ${revisions} revisions, ${leases} leases, ${watched} watched`
  );
}
