/**
 * `node packages/bench/src/ctl/start-bench.ts [--runs N]`: from exec to exit of a command, Go's etcdctl beside ours, in turns, against
 * one member of ours. Wall-clock time and CPU (utime + stime, children included), of N runs each (21).
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server } from "@quorate/testkit/process";
import { machine } from "../contenders.ts";
import { spread } from "../statistics.ts";
import { format } from "../table.ts";

const repositoryRoot = path.resolve(import.meta.dirname, "../../../..");
/** USER_HZ is 100 on every Linux of interest. */
const MS_A_TICK = 10;

const LINES = [["version"], ["put", "key", "value"], ["get", "key"], ["get", "key", "-w", "json"]] as const;

interface Runs {
  readonly wallMs: number[];
  /** Of all runs together: a tick is too coarse for one of them. */
  cpuMs: number;
}

/** Of children that have ended. */
function childrenCpuMs(): number {
  const stat = readFileSync("/proc/self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * MS_A_TICK;
}

function runOnce(program: string, line: readonly string[], endpoint: string, runs: Runs): void {
  const env = { PATH: process.env.PATH, ETCDCTL_ENDPOINTS: endpoint };
  const cpuBefore = childrenCpuMs();
  const begun = performance.now();
  const { status, stderr } = spawnSync(program, line, { env, encoding: "utf8" });
  runs.wallMs.push(performance.now() - begun);
  runs.cpuMs += childrenCpuMs() - cpuBefore;
  if (status !== 0) throw new Error(`${program} ${line.join(" ")} ended with ${status}: ${stderr}`);
}

function cells({ wallMs, cpuMs }: Runs): string[] {
  const { min, median } = spread(wallMs);
  return [min.toFixed(0), median.toFixed(0), (cpuMs / wallMs.length).toFixed(0)];
}

const { values } = parseArgs({ options: { runs: { type: "string", default: "21" } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number, not ${values.runs}`);
const real = realEtcd((line) => console.error(line));
if ("missing" in real) throw new Error(real.missing);
const programs = [real.found.etcdctl, path.join(repositoryRoot, "bin/etcdctl")];
await using server = await Server.start({ command: [path.join(repositoryRoot, "bin/etcd")] });
const rows = LINES.map((line) => {
  const measured = programs.map((): Runs => ({ wallMs: [], cpuMs: 0 }));
  // The first run of each is not counted: it may have to make a bundle.
  for (const program of programs) runOnce(program, line, server.endpoint, { wallMs: [], cpuMs: 0 });
  for (let i = 0; i < runs; i++)
    for (const [at, program] of programs.entries()) runOnce(program, line, server.endpoint, measured[at]!);
  return [line.join(" "), ...measured.flatMap(cells)];
});
const head = ["etcd", "ours"].flatMap((name) => [`${name}: least ms`, "median ms", "CPU ms"]);
console.log(`etcdctl on ${machine()}, ${runs} runs of each\n\n${format(rows, ["", ...head])}`);
