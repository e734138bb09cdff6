/** What is compared of a metric: everything but its values. */
export interface Shape {
  readonly kind: string;
  /** Names of the labels that its series have, sorted; `le` and `quantile` included. */
  readonly labels: readonly string[];
  /** Upper bounds of its buckets as they are spelled, sorted; empty for what is no histogram. */
  readonly bounds: readonly string[];
}

/** Reads Prometheus's text format. Throws for a line that is none. */
export function shapesOf(text: string): Map<string, Shape> {
  const kinds = new Map<string, string>();
  const labels = new Map<string, Set<string>>();
  const bounds = new Map<string, Set<string>>();
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) kinds.set(type[1]!, type[2]!);
    if (line === "" || line.startsWith("#")) continue;
    const series = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line);
    if (series === null) throw new Error(`no line of an exposition: ${line}`);
    const name = familyOf(series[1]!, kinds);
    for (const [, label, value] of (series[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      add(labels, name, label!);
      if (label === "le") add(bounds, name, value!);
    }
  }
  return new Map(
    [...kinds].map(([name, kind]) => [
      name,
      { kind, labels: [...(labels.get(name) ?? [])].sort(), bounds: [...(bounds.get(name) ?? [])].sort() },
    ]),
  );
}

/** Series of histograms and summaries are called after their metric and something more. */
function familyOf(series: string, kinds: ReadonlyMap<string, string>): string {
  const whole = series.replace(/_(bucket|sum|count)$/, "");
  return kinds.has(series) ? series : whole;
}

function add(sets: Map<string, Set<string>>, name: string, value: string): void {
  const set = sets.get(name);
  if (set === undefined) sets.set(name, new Set([value]));
  else set.add(value);
}
