/** One test a scenario, with the arguments that both suites take. */

import { test } from "node:test";
import { parseArgs } from "node:util";
import { whyNoNamespaces } from "../cluster/network/namespaces.ts";
import { type Fault, runScenario } from "../cluster/scenario.ts";
import { freshSeed } from "../support/random.ts";
import { type Program, type ProgramName, whyMissing } from "./programs.ts";

export interface MixedScenario extends Fault {
  /** What the cluster is made of at first. */
  readonly start: Program;
  readonly needs: readonly ProgramName[];
  /** Members at first. Default 3. */
  readonly size?: number;
}

/** `long`: more rounds of each. */
export function runMixed(scenarios: readonly MixedScenario[], long: boolean): void {
  const { values } = parseArgs({
    args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
    options: { only: { type: "string" }, seed: { type: "string" } },
  });
  if (process.platform !== "linux") {
    test("mixed clusters", { skip: "needs /proc and signals as Linux has them" }, () => {});
    return;
  }
  const network = whyNoNamespaces() === undefined ? "namespaces" : "proxies";
  const wanted = values.only?.split(",");
  for (const scenario of scenarios) {
    if (wanted?.includes(scenario.name) === false) continue;
    const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
    const skip = scenario.needs.map(whyMissing).find((reason) => reason !== undefined) ?? false;
    test(`${scenario.name}: ${scenario.what} (seed ${seed})`, { skip }, async (t) => {
      const report = (line: string): void => t.diagnostic(line);
      const { start, size = 3 } = scenario;
      await runScenario(scenario, { command: start.command, size, seed, network, long, report });
    });
  }
}
