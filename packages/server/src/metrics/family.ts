import type { Histogram } from "@quorate/storage/histogram";

export type Labels = Readonly<Record<string, string>>;

/** One series of a metric. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number | Histogram;
}

export interface Summary {
  readonly quantiles: readonly (readonly [quantile: number, value: number])[];
  readonly sum: number;
  readonly count: number;
}

/** A metric, whose values are read when they are asked for. */
export interface Family {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram" | "summary";
  /** One line, without a backslash. */
  readonly help: string;
  /** A single value has no labels. A metric without any series is left out. */
  readonly read: () => number | Histogram | Summary | Iterable<Sample>;
}

export const counter = (name: string, help: string, read: () => number | Iterable<Sample>): Family => ({
  name,
  kind: "counter",
  help,
  read,
});

export const gauge = (name: string, help: string, read: () => number | Iterable<Sample>): Family => ({
  name,
  kind: "gauge",
  help,
  read,
});

export const histogram = (name: string, help: string, read: () => Histogram | Iterable<Sample>): Family => ({
  name,
  kind: "histogram",
  help,
  read,
});

/** A gauge that says something by its label, and is 1. */
export const info = (name: string, help: string, label: string, value: () => string): Family =>
  gauge(name, help, () => [{ labels: { [label]: value() }, value: 1 }]);
