/**
 * `npm run bench -- [--against "ETCD COMMAND"] [--ours "COMMAND"] [--json FILE] [--quick] [--rounds N] [--seconds N] [--rows PARTS]
 * [--million] [--only-million]`: the same load on a real etcd and on a member of ours, on one machine and disk, in
 * alternating rounds. See docs/benchmarks.md.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Commands, Contender, findCommands, machine } from "./contenders.ts";
import { buildNative, fill, fillLeases, findGenerators, type Timing } from "./generators.ts";
import type { Measurement } from "./measurement.ts";
import { type MillionResult, measureMillion } from "./million.ts";
import { memory } from "./process-usage.ts";
import { KEYS, LEASES, type Row, rowName, selectRows } from "./rows.ts";
import { format, lines, type RowResult, type Summary, summarize } from "./table.ts";

const { values } = parseArgs({
  options: {
    against: { type: "string" },
    ours: { type: "string" },
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    seconds: { type: "string" },
    rows: { type: "string" },
    seed: { type: "string", default: "1" },
    million: { type: "boolean", default: false },
    "only-million": { type: "boolean", default: false },
    "million-keys": { type: "string", default: "1000000" },
    help: { type: "boolean", default: false },
  },
});

const USAGE = `usage: npm run bench -- [options]
  --against "ETCD COMMAND"  the etcd to compare with (default: 3.7.3 built from Go modules, else Debian's)
  --ours "COMMAND"          another build of ours (default: bin/etcd)
  --rows PARTS              only rows with these words, e.g. "native put,range 10x100"
  --rounds N                rounds, each measuring both servers (default 3)
  --seconds N               measured seconds a run (default 4; --quick: 1)
  --quick                   short runs, for a first look
  --million                 also the store of a million keys; --only-million: nothing else
  --json FILE               save everything that was measured
  --seed N                  of the random keys`;

const log = (line: string): void => console.error(line);

async function compareRows(commands: Commands, rows: readonly Row[], rounds: number, timing: Timing) {
  const generators = findGenerators();
  const nativeProgram = buildNative();
  if ("missing" in nativeProgram) throw new Error(`the keys cannot be loaded: ${nativeProgram.missing}`);
  const runnable = rows.filter((row) => "found" in generators.get(row.generator)!);
  for (const [name, generator] of generators) {
    if ("missing" in generator && rows.some((row) => row.generator === name))
      log(`skipped: ${name} rows (${generator.missing})`);
  }
  const contenders = [
    await Contender.create("etcd", commands.etcd),
    await Contender.create("quorate", commands.quorate),
  ];
  const runs = new Map<Row, { etcd: Measurement[]; quorate: Measurement[] }>();
  try {
    for (const contender of contenders) {
      await contender.start();
      const loaded = await fill(nativeProgram.found, contender.target, KEYS);
      await fillLeases(nativeProgram.found, contender.target, LEASES);
      log(
        `${contender.name}: serving after ${contender.server.startedInMs.toFixed(0)} ms, ${KEYS} keys in ${loaded.seconds.toFixed(1)} s`,
      );
      contender.suspend();
    }
    for (let round = 0; round < rounds; round++) {
      for (const row of runnable) {
        const of = runs.get(row) ?? { etcd: [], quorate: [] };
        runs.set(row, of);
        const generator = generators.get(row.generator)!;
        if ("missing" in generator) continue;
        // The order changes from round to round, so that neither is always the one after a pause.
        for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
          contender.resume();
          const measured = await generator.found(row, contender.target, {
            ...timing,
            seed: timing.seed + round,
          });
          of[contender.name].push(measured);
          contender.suspend();
        }
        const [etcd, ours] = [of.etcd.at(-1)!, of.quorate.at(-1)!];
        log(
          `round ${round + 1} ${rowName(row)}: ${etcd.perSecond.toFixed(0)} and ${ours.perSecond.toFixed(0)}, ${(ours.perSecond / etcd.perSecond).toFixed(2)}x`,
        );
      }
      for (const contender of contenders) {
        contender.resume();
        await contender.compact();
        contender.suspend();
      }
    }
    const memories = Object.fromEntries(
      contenders.map((contender) => [contender.name, memory(contender.server.pid)]),
    );
    const results: RowResult[] = runnable.map((row) => ({ row, ...runs.get(row)! }));
    return { results, memories };
  } finally {
    for (const contender of contenders) await contender.end();
  }
}

function millionTable(results: Readonly<Record<string, MillionResult>>): string {
  const names = Object.keys(results);
  const value = (label: string, of: (result: MillionResult) => string): string[] => [
    label,
    ...names.map((name) => of(results[name]!)),
  ];
  const ms = (x: number): string => `${x.toFixed(x < 10 ? 2 : 0)} ms`;
  const mib = (x: number): string => `${x.toFixed(0)} MiB`;
  const probes = Object.keys(results[names[0]!]!.probes);
  return format(
    [
      value("load", (r) => `${r.loadSeconds.toFixed(1)} s`),
      value("anonymous memory after loading", (r) => mib(r.anonymousMiB)),
      value("resident memory after loading", (r) => mib(r.residentMiB)),
      value("anonymous memory after a restart", (r) => mib(r.anonymousAfterRestartMiB)),
      value("resident memory after a restart", (r) => mib(r.residentAfterRestartMiB)),
      value("from exec to serving", (r) => ms(r.restartMs)),
      value("count_only of everything, p50", (r) => ms(r.countOnlyMs)),
      value("count_only of everything, p99", (r) => ms(r.countOnlyP99Ms)),
      ...probes.map((name) =>
        value(`a read beside puts and ${name}: p50, p99.9 (it took)`, (r) => {
          const probe = r.probes[name]!;
          return `${ms(probe.p50Ms)}, ${ms(probe.p999Ms)} (${ms(probe.workMs)})`;
        }),
      ),
      value("event loop delay p99.9", (r) =>
        r.eventLoopDelayP999Ms === undefined ? "-" : ms(r.eventLoopDelayP999Ms),
      ),
    ],
    [`${values["million-keys"]} keys`, ...names],
  );
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const commands = findCommands(values.against, values.ours);
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  const seconds = Number(values.seconds ?? (values.quick ? 1 : 4));
  const timing = { seconds, warmupSeconds: values.quick ? 0.3 : 1, seed: Number(values.seed) };
  const head = `${commands.etcdName} and Quorate on ${machine()}, ${rounds} rounds of ${seconds} s`;
  let summaries: Summary[] = [];
  let results: readonly RowResult[] = [];
  let memories: unknown;
  const million: Record<string, MillionResult> = {};
  if (!values["only-million"]) {
    const compared = await compareRows(commands, selectRows(values.rows), rounds, timing);
    ({ results, memories } = compared);
    summaries = results.map(summarize);
    console.log(`${head}\n\n${format(lines(summaries))}\n\nmemory at the end: ${JSON.stringify(memories)}`);
  }
  if (values.million || values["only-million"]) {
    const program = buildNative();
    if ("missing" in program) throw new Error(program.missing);
    for (const name of ["etcd", "quorate"] as const) {
      log(`${name}: a store of ${values["million-keys"]} keys`);
      const contender = await Contender.create(name, commands[name]);
      try {
        million[name] = await measureMillion(program.found, contender, Number(values["million-keys"]));
      } finally {
        await contender.end();
      }
    }
    console.log(`\n${millionTable(million)}`);
  }
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ head, summaries, results, memories, million }, null, 2)}\n`,
    );
  }
}

await main();
