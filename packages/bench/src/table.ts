/** The report of a run: one line a row, medians, and the ratio of the two with its spread. */
import type { Measurement } from "./measurement.ts";
import { type Row, rowName } from "./rows.ts";
import { median, spread } from "./statistics.ts";

export interface RowResult {
  readonly row: Row;
  /** One measurement a round each; a round's two were taken one after the other. */
  readonly etcd: readonly Measurement[];
  readonly quorate: readonly Measurement[];
  /** Elections while a cluster was measured, over all rounds. */
  readonly elections: Readonly<Record<"etcd" | "quorate", number>>;
}

export interface Summary {
  readonly name: string;
  readonly etcdPerSecond: number;
  readonly quoratePerSecond: number;
  /** Throughput of ours over etcd's: the median of the rounds, the lowest and the highest. */
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly atLeast: number;
  readonly etcdCpuUs: number;
  readonly quorateCpuUs: number;
  readonly etcdP50Us: number;
  readonly quorateP50Us: number;
  readonly etcdP99Us: number;
  readonly quorateP99Us: number;
  readonly etcdP999Us: number;
  readonly quorateP999Us: number;
  readonly failed: number;
  readonly firstError: string;
  readonly elections: RowResult["elections"];
  /** Throughput as asked, p99 below etcd's, and (native and h2load rows) at most half its CPU a request. */
  readonly throughputHolds: boolean;
  readonly p99Holds: boolean;
  readonly cpuHolds: boolean;
}

export function summarize({ row, etcd, quorate, elections }: RowResult): Summary {
  const of = (runs: readonly Measurement[], value: (run: Measurement) => number): number =>
    median(runs.map(value));
  const cpu = (run: Measurement): number => run.serverCpuUs / run.requests;
  const ratio = spread(quorate.map((run, i) => run.perSecond / etcd[i]!.perSecond));
  const etcdP99Us = of(etcd, (run) => run.p99Us);
  const quorateP99Us = of(quorate, (run) => run.p99Us);
  const etcdCpuUs = of(etcd, cpu);
  const quorateCpuUs = of(quorate, cpu);
  const all = [...etcd, ...quorate];
  return {
    name: rowName(row),
    etcdPerSecond: of(etcd, (run) => run.perSecond),
    quoratePerSecond: of(quorate, (run) => run.perSecond),
    ratio: ratio.median,
    ratioMin: ratio.min,
    ratioMax: ratio.max,
    atLeast: row.atLeast,
    etcdCpuUs,
    quorateCpuUs,
    etcdP50Us: of(etcd, (run) => run.p50Us),
    quorateP50Us: of(quorate, (run) => run.p50Us),
    etcdP99Us,
    quorateP99Us,
    etcdP999Us: of(etcd, (run) => run.p999Us),
    quorateP999Us: of(quorate, (run) => run.p999Us),
    failed: all.reduce((sum, run) => sum + run.failed, 0),
    firstError: all.find((run) => run.firstError !== "")?.firstError ?? "",
    elections,
    throughputHolds: ratio.median >= row.atLeast,
    p99Holds: quorateP99Us < etcdP99Us,
    cpuHolds: quorateCpuUs <= etcdCpuUs / 2,
  };
}

function rate(value: number): string {
  return value >= 10_000 ? `${(value / 1_000).toFixed(1)}k` : value.toFixed(value < 100 ? 1 : 0);
}

function us(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value >= 10_000
    ? `${(value / 1_000).toFixed(0)}ms`
    : value >= 1_000
      ? `${(value / 1_000).toFixed(1)}ms`
      : `${value.toFixed(0)}µs`;
}

const HEAD = [
  "row",
  "etcd/s",
  "ours/s",
  "ratio (spread)",
  "wanted",
  "CPU/req",
  "p50",
  "p99",
  "p99.9",
  "holds",
];

/** Pairs are etcd's, then ours. */
export function lines(summaries: readonly Summary[]): string[][] {
  return summaries.map((s) => {
    const cpuCounts = s.name.startsWith("native") || s.name.startsWith("h2load");
    const misses = [
      s.throughputHolds ? "" : "ratio",
      s.p99Holds || !cpuCounts ? "" : "p99",
      s.cpuHolds || !cpuCounts ? "" : "CPU",
      s.elections.etcd + s.elections.quorate === 0
        ? ""
        : `elections: ${s.elections.etcd} ${s.elections.quorate}`,
      s.failed === 0 ? "" : `${s.failed} failed: ${s.firstError}`,
    ].filter((miss) => miss !== "");
    return [
      s.name,
      rate(s.etcdPerSecond),
      rate(s.quoratePerSecond),
      `${s.ratio.toFixed(2)} (${s.ratioMin.toFixed(2)}-${s.ratioMax.toFixed(2)})`,
      `>= ${s.atLeast}`,
      `${us(s.etcdCpuUs)} ${us(s.quorateCpuUs)}`,
      `${us(s.etcdP50Us)} ${us(s.quorateP50Us)}`,
      `${us(s.etcdP99Us)} ${us(s.quorateP99Us)}`,
      `${us(s.etcdP999Us)} ${us(s.quorateP999Us)}`,
      misses.length === 0 ? "yes" : `no: ${misses.join(", ")}`,
    ];
  });
}

export const HELD_HEAD = ["row", "etcd holds more", "ours holds more", "one connection"];

/** Of rows of connections that say nothing: pairs are etcd's, then ours. */
export function heldLines(results: readonly RowResult[]): string[][] {
  return results.map(({ row, etcd, quorate }) => {
    const kib = (runs: readonly Measurement[]) => median(runs.map((run) => run.heldKib));
    const mib = (runs: readonly Measurement[]) => `${(kib(runs) / 1_024).toFixed(1)} MiB`;
    const each = (runs: readonly Measurement[]) =>
      `${(kib(runs) / (row.connections * row.streams)).toFixed(1)} KiB`;
    return [rowName(row), mib(etcd), mib(quorate), `${each(etcd)} ${each(quorate)}`];
  });
}

export function format(rows: readonly (readonly string[])[], head: readonly string[] = HEAD): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join(
    "\n",
  );
}
