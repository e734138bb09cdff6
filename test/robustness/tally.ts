import type { Outcome } from "./outcome.ts";

interface Row {
  runs: number;
  passed: number;
  failed: number;
  undecided: number;
  seconds: number;
  /** Of the runs that had load before their failpoint. */
  rates: number[];
}

/** Counts runs by scenario and by failpoint. */
export class Tally {
  readonly #scenarios = new Map<string, Row>();
  readonly #failpoints = new Map<string, Row>();
  readonly #all = newRow();

  get runs(): number {
    return this.#all.runs;
  }

  get passed(): number {
    return this.#all.passed;
  }

  get undecided(): number {
    return this.#all.undecided;
  }

  add(scenario: string, outcome: Outcome & { readonly seconds: number }): void {
    count(this.#all, outcome);
    count(rowOf(this.#scenarios, scenario), outcome);
    if (outcome.failpoint !== undefined) count(rowOf(this.#failpoints, outcome.failpoint), outcome);
  }

  /** One line for everything, each scenario and each failpoint. */
  lines(): string[] {
    const sorted = (rows: ReadonlyMap<string, Row>): string[] =>
      [...rows].sort(([a], [b]) => a.localeCompare(b)).map(([name, row]) => describe(name, row));
    return [
      describe("all", this.#all),
      "by scenario:",
      ...sorted(this.#scenarios),
      "by failpoint:",
      ...sorted(this.#failpoints),
    ];
  }
}

function newRow(): Row {
  return { runs: 0, passed: 0, failed: 0, undecided: 0, seconds: 0, rates: [] };
}

function rowOf(rows: Map<string, Row>, name: string): Row {
  const row = rows.get(name) ?? newRow();
  rows.set(name, row);
  return row;
}

function count(row: Row, { kind, seconds, requestsPerSecond }: Outcome & { readonly seconds: number }): void {
  row.runs++;
  if (kind !== "unavailable") row[kind]++;
  row.seconds += seconds;
  if (requestsPerSecond !== undefined) row.rates.push(requestsPerSecond);
}

function describe(name: string, row: Row): string {
  const parts = [`${row.runs} runs`, `${row.passed} passed`];
  if (row.failed > 0) parts.push(`${row.failed} failed`);
  if (row.undecided > 0) parts.push(`${row.undecided} undecided`);
  parts.push(`${(row.seconds / row.runs).toFixed(1)} s each`);
  const rate = row.rates.reduce((sum, each) => sum + each, 0) / row.rates.length;
  if (row.rates.length > 0) parts.push(`${rate.toFixed(0)} requests/s before the failpoint`);
  return `${name}: ${parts.join(", ")}`;
}
