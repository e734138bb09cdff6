/** One test a fault, with the arguments that both suites take. */
import { test } from "node:test";
import { parseArgs } from "node:util";
import { freshSeed, givenSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { whyNoNamespaces } from "./network/namespaces.ts";
import { type Fault, runScenario } from "./scenario.ts";

export interface SuiteOptions {
  readonly faults: readonly Fault[];
  /** Numbers of members. */
  readonly sizes: readonly number[];
  /** How many seeds each fault is run with. */
  readonly seeds: number;
  /** Many rounds of each fault instead of few. */
  readonly long: boolean;
}

export function runSuite({ faults, sizes, seeds, long }: SuiteOptions): void {
  const { values } = parseArgs({
    args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
    options: {
      only: { type: "string" },
      seed: { type: "string" },
      members: { type: "string" },
      network: { type: "string" },
      long: { type: "boolean", default: long },
    },
  });
  if (process.platform !== "linux") {
    test("faults of clusters", { skip: "needs /proc and signals as Linux has them" }, () => {});
    return;
  }
  const obstacle = values.network === "proxies" ? "proxies were asked for" : whyNoNamespaces();
  if (obstacle !== undefined) {
    if (values.network === "namespaces") throw new Error(`no network namespaces: ${obstacle}`);
    console.log(`links are proxies and not network namespaces: ${obstacle}`);
  }
  const network = obstacle === undefined ? "namespaces" : "proxies";
  const wanted = values.only?.split(",");
  const wantedSeed = values.seed === undefined ? givenSeed() : Number(values.seed);
  const { command } = target();
  for (const size of values.members === undefined ? sizes : [Number(values.members)]) {
    for (const fault of faults) {
      if (wanted?.includes(fault.name) === false) continue;
      for (let i = 0; i < (wantedSeed === undefined ? seeds : 1); i++) {
        const seed = wantedSeed ?? freshSeed();
        testWithSeed(
          `${fault.name}: ${fault.what} (${size} members, seed ${seed})`,
          { seed },
          async (_, t) => {
            const report = (line: string): void => t.diagnostic(line);
            await runScenario(fault, { command, size, seed, network, long: values.long, report });
          },
        );
      }
    }
  }
}
