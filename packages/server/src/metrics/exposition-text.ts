import { Histogram } from "@quorate/storage/histogram";
import type { Family, Labels, Sample, Summary } from "./family.ts";

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Metrics in Prometheus's text format. */
export function expositionText(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, kind, help, read } of families) {
    const before = lines.length;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    const value = read();
    if (typeof value === "number") lines.push(`${name} ${numberText(value)}`);
    else if (value instanceof Histogram) addHistogram(lines, name, {}, value);
    else if (isSummary(value)) addSummary(lines, name, value);
    else for (const sample of value) addSample(lines, name, sample);
    // Nothing has been counted under any label yet.
    if (lines.length === before + 2) lines.length = before;
  }
  return `${lines.join("\n")}\n`;
}

function isSummary(value: Summary | Iterable<Sample>): value is Summary {
  return "quantiles" in value;
}

function addSample(lines: string[], name: string, { labels, value }: Sample): void {
  if (typeof value === "number") lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  else addHistogram(lines, name, labels, value);
}

function addHistogram(lines: string[], name: string, labels: Labels, histogram: Histogram): void {
  const { bounds, counts, count, sum } = histogram;
  let below = 0;
  for (const [i, bound] of bounds.entries()) {
    below += counts[i]!;
    lines.push(`${name}_bucket${labelText({ ...labels, le: boundText(bound) })} ${numberText(below)}`);
  }
  lines.push(
    `${name}_bucket${labelText({ ...labels, le: "+Inf" })} ${numberText(count)}`,
    `${name}_sum${labelText(labels)} ${numberText(sum)}`,
    `${name}_count${labelText(labels)} ${numberText(count)}`,
  );
}

function addSummary(lines: string[], name: string, { quantiles, sum, count }: Summary): void {
  for (const [quantile, value] of quantiles) {
    lines.push(`${name}${labelText({ quantile: String(quantile) })} ${numberText(value)}`);
  }
  lines.push(`${name}_sum ${numberText(sum)}`, `${name}_count ${numberText(count)}`);
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

/** From 10 to this power on, and below 0.0001, Go writes numbers with an exponent. */
const FIRST_EXPONENT = 6;

/** The bound of a bucket, which is a label and so has to be spelled as Go does: `8.388608e+06`. */
export function boundText(bound: number): string {
  const [digits, exponentText] = bound.toExponential().split("e") as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < FIRST_EXPONENT) return String(bound);
  const sign = exponent < 0 ? "-" : "+";
  return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
