/**
 * Our etcdctl beside Go's: the same command lines, one after another, at the same time, each program against a member of its
 * own that has begun anew. Output, errors and exit codes are compared byte for byte, but for times, and for how usage is
 * explained. A fresh seed chooses some of the scenarios; behind `--`: `--all` runs all, `--only NAME,NAME` some by name,
 * `--lines N` as many as have so many lines (250).
 */
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { repositoryRoot, target } from "@quorate/testkit/target";
import { chosenScenarios } from "./chosen.ts";
import { AUTH } from "./lines/auth.ts";
import { CLUSTER } from "./lines/cluster.ts";
import { CONCURRENCY } from "./lines/concurrency.ts";
import { KEYS } from "./lines/keys.ts";
import { LEASES } from "./lines/leases.ts";
import { SYNTAX } from "./lines/syntax.ts";
import { TXN } from "./lines/txn.ts";
import { WATCH } from "./lines/watch.ts";
import { LineRunner, type Result } from "./run-line.ts";
import { countLines, type Scenario } from "./scenario.ts";

// Those that wait most come first: others run meanwhile.
const all = [...CLUSTER, ...WATCH, ...KEYS, ...TXN, ...LEASES, ...SYNTAX, ...AUTH, ...CONCURRENCY];
const { scenarios, what } = chosenScenarios(all, ({ lines }) => countLines(lines), 250);
const real = realEtcd();
const ours = path.join(repositoryRoot, "bin/etcdctl");

/** A line waits for the network or a clock about as often as for a processor. */
const AT_A_TIME = 3;
const START_TIMEOUT_MS = 240_000;
const SCENARIO_TIMEOUT_MS = 900_000;
/** Nobody asks there. IDs are made of it: so members of two programs have the same. */
const PEER_URL = "http://127.0.0.1:9";

describe(`etcdctl, ${what}, compared with Go's`, {
  skip: "missing" in real ? real.missing : false,
  concurrency: AT_A_TIME,
}, () => {
  for (const scenario of scenarios) {
    test(scenario.name, { timeout: SCENARIO_TIMEOUT_MS }, async (t) => {
      if ("missing" in real) return;
      const [theirs, mine] = await Promise.all([
        resultsOf(real.found.etcdctl, scenario, real.found.etcdctl),
        resultsOf(ours, scenario, real.found.etcdctl),
      ]);
      assert.equal(mine.length, theirs.length);
      for (const [i, { line, ...want }] of theirs.entries()) {
        const { line: _, ...got } = mine[i]!;
        // A test of its own, so that one difference hides no other.
        await t.test(line, () => assert.deepEqual(got, want));
      }
    });
  }
});

/** What the lines of a scenario come to with `program`. `reference` looks meanwhile how far they are. */
async function resultsOf(program: string, { lines }: Scenario, reference: string): Promise<Result[]> {
  await using server = await startMember("m1");
  // A second cluster, for what is copied.
  await using other = JSON.stringify(lines).includes("{other}") ? await startMember("other") : undefined;
  const runner = new LineRunner({
    program,
    reference,
    folder: temporaryDir("etcdctl"),
    endpoint: server.endpoint,
    values: { endpoint: server.endpoint, other: other?.endpoint ?? "" },
  });
  for (const line of lines) await runner.run(line);
  return runner.results;
}

function startMember(name: string): Promise<Server> {
  const args = ["--initial-advertise-peer-urls", PEER_URL, "--initial-cluster", `${name}=${PEER_URL}`];
  return Server.start({ command: target().command, name, args, startTimeoutMs: START_TIMEOUT_MS });
}
