/**
 * `npm run bench -- [--against "ETCD COMMAND"] [--ours "COMMAND"] [--json FILE] [--quick] [--rounds N] [--processes N] [--seconds N]
 * [--rows PARTS] [--cluster SIZE] [--million] [--only-million]`: the same load on a real etcd and on a member of ours, on one machine and disk, in
 * alternating rounds. See docs/benchmarks.md.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ClusterContender } from "./cluster-contender.ts";
import { compareRows } from "./compare.ts";
import { Contender, findCommands, machine } from "./contenders.ts";
import { buildNative } from "./generators.ts";
import { type MillionResult, measureMillion } from "./million.ts";
import { CLUSTER_ROWS, KEYS, ROWS, type Row, selectRows } from "./rows.ts";
import { spread } from "./statistics.ts";
import { format, HELD_HEAD, heldLines, lines, type RowResult, type Summary, summarize } from "./table.ts";
import type { Transport } from "./transport.ts";

const { values } = parseArgs({
  options: {
    against: { type: "string" },
    ours: { type: "string" },
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    processes: { type: "string", default: "1" },
    seconds: { type: "string" },
    rows: { type: "string" },
    cluster: { type: "string" },
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
  --cluster SIZE            clusters of so many members instead of single ones (3, say), with rows of their own
  --rows PARTS              only rows with these words, e.g. "native put,range 10x100"
  --rounds N                rounds, each measuring both servers (default 3)
  --processes N             do all of it with members started anew, N times (default 1): two starts of one program differ, too
  --seconds N               measured seconds a run (default 4; --quick: 1)
  --quick                   short runs, for a first look
  --million                 also the store of a million keys; --only-million: nothing else
  --json FILE               save everything that was measured
  --seed N                  of the random keys`;

const log = (line: string): void => console.error(line);

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
      value("from exec to serving: median (lowest-highest)", ({ restartsMs }) => {
        const { median, min, max } = spread(restartsMs);
        return `${ms(median)} (${min.toFixed(0)}-${max.toFixed(0)})`;
      }),
      value("count_only of everything, p50", (r) => ms(r.countOnlyMs)),
      value("count_only of everything, p99", (r) => ms(r.countOnlyP99Ms)),
      ...probes.map((name) =>
        value(`a read beside puts and ${name}: p50, p99.9, longest (it took)`, (r) => {
          const probe = r.probes[name]!;
          return `${ms(probe.p50Ms)}, ${ms(probe.p999Ms)}, ${ms(probe.maxMs)} (${ms(probe.workMs)})`;
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
  const sizes = values.cluster === undefined ? "" : `, ${values.cluster} members each,`;
  const processes = Number(values.processes);
  const started = processes === 1 ? "" : `, started ${processes} times`;
  const head = `${commands.etcdName} and Quorate${sizes} on ${machine()}, ${rounds} rounds of ${seconds} s${started}`;
  const size = values.cluster === undefined ? undefined : Number(values.cluster);
  if (size !== undefined && !(Number.isInteger(size) && size >= 1 && size <= 9)) {
    throw new Error(`--cluster takes a number of members from 1 to 9, not ${values.cluster}`);
  }
  let summaries: Summary[] = [];
  const results: RowResult[] = [];
  const memories: Partial<Record<Transport, unknown>> = {};
  const million: Record<string, MillionResult> = {};
  if (!values["only-million"]) {
    const rows = selectRows(size === undefined ? ROWS : CLUSTER_ROWS, values.rows);
    const create = (name: "etcd" | "quorate", transport: Transport) =>
      size === undefined
        ? Contender.create(name, commands[name], transport)
        : ClusterContender.create(name, commands[name], size);
    const transportOf = (row: Row): Transport => row.transport ?? "plaintext";
    // Members of their own for each, whose flags are those that the rows need.
    for (const transport of new Set(rows.map(transportOf))) {
      const ofTransport = rows.filter((row) => transportOf(row) === transport);
      const sides = async () => [await create("etcd", transport), await create("quorate", transport)];
      const compared = await compareRows(sides, ofTransport, { rounds, processes, timing }, log);
      results.push(...compared.results);
      memories[transport] = compared.memories;
    }
    const isIdle = ({ row }: RowResult): boolean => row.operation === "idle";
    summaries = results.filter((result) => !isIdle(result)).map(summarize);
    console.log(head);
    if (summaries.length > 0) console.log(`\n${format(lines(summaries))}`);
    const idle = results.filter(isIdle);
    if (idle.length > 0) console.log(`\n${format(heldLines(idle), HELD_HEAD)}`);
    console.log(`\nmemory at the end: ${JSON.stringify(memories)}`);
  }
  if (values.million || values["only-million"]) {
    if (!(Number(values["million-keys"]) >= KEYS)) throw new Error(`--million-keys takes at least ${KEYS}`);
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
