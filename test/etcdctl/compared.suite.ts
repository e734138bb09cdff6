/**
 * Our etcdctl beside Go's: the same command lines, one after another, each program against a member that begins anew at the same
 * address. Output, errors and exit codes are compared byte for byte, but for times, and for how usage is explained.
 * Behind `--`: `--only NAME,NAME` runs some of the scenarios.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import { parseArgs } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { repositoryRoot, target } from "@quorate/testkit/target";
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

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { only: { type: "string" } },
});
const only = values.only?.split(",");
const all = [...KEYS, ...TXN, ...LEASES, ...SYNTAX, ...WATCH, ...CLUSTER, ...AUTH, ...CONCURRENCY];
const scenarios = all.filter(({ name }) => only === undefined || only.includes(name));
const real = realEtcd();
const ours = path.join(repositoryRoot, "bin/etcdctl");

describe(`etcdctl, ${countLines(all.flatMap(({ lines }) => lines))} lines compared with Go's`, {
  skip: "missing" in real ? real.missing : false,
}, () => {
  let server: Server;
  let other: Server;
  before(async () => {
    server = await Server.create({ command: target().command, startTimeoutMs: 120_000 });
    // A second cluster, for what is copied.
    other = await Server.create({ command: target().command, name: "other", startTimeoutMs: 120_000 });
  });

  for (const scenario of scenarios) {
    test(scenario.name, { timeout: 600_000 }, async (t) => {
      if ("missing" in real) return;
      const theirs = await resultsOf(real.found.etcdctl, scenario);
      const mine = await resultsOf(ours, scenario);
      for (const [i, { line, ...want }] of theirs.entries()) {
        const { line: _, ...got } = mine[i]!;
        // A test of its own, so that one difference hides no other.
        await t.test(line, () => assert.deepEqual(got, want));
      }
    });
  }

  async function resultsOf(program: string, { lines }: Scenario): Promise<Result[]> {
    for (const each of [server, other]) rmSync(each.dataDir, { recursive: true, force: true });
    const usesOther = JSON.stringify(lines).includes("{other}");
    await Promise.all([server.start(), usesOther ? other.start() : undefined]);
    try {
      const folder = temporaryDir("etcdctl");
      const runner = new LineRunner(program, folder, server.endpoint, {
        endpoint: server.endpoint,
        other: other.endpoint,
      });
      for (const line of lines) await runner.run(line);
      return runner.results;
    } finally {
      await Promise.all([server.kill(), usesOther ? other.kill() : undefined]);
    }
  }
});
