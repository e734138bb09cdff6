/**
 * SeededRandom and damaged inputs of every kind that a client can send: a member survives them, serves others meanwhile, keeps
 * nothing of them, and answers as etcd does. Arguments: `-- --seed N --inputs N --kinds NAME,NAME --batch=N --compared N`;
 * `--connections N` compares what becomes of N connections of each protocol; `--pauses` keeps either of the two that are
 * compared from running, now and then: what differs only then is no difference.
 */

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { compareGrpc, compareJson } from "./comparison.ts";
import { compareConnections, type Protocol } from "./connection-comparison.ts";
import { KINDS } from "./kinds.ts";
import { pausing } from "./pauses.ts";
import { survive } from "./survival.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: {
    seed: { type: "string" },
    inputs: { type: "string", default: "60000" },
    kinds: { type: "string" },
    batch: { type: "string" },
    compared: { type: "string", default: "5000" },
    connections: { type: "string", default: "0" },
    pauses: { type: "boolean", default: false },
  },
});

const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const chosen = values.kinds?.split(",");
const kinds = KINDS.filter(({ name }) => chosen === undefined || chosen.includes(name));
const shares = kinds.reduce((sum, { share }) => sum + share, 0);

for (const kind of kinds) {
  const inputs = Math.round((Number(values.inputs) * kind.share) / shares);
  if (inputs === 0) continue;
  testWithSeed(
    `a member survives ${inputs} inputs of the kind ${kind.name} (seed ${seed})`,
    { seed },
    async (_, t) => {
      const { longestTurnMs, seconds, before, after, ...result } = await survive({
        kind,
        seed,
        inputs,
        ...(values.batch === undefined ? {} : { onlyBatch: Number(values.batch) }),
        report: (line) => t.diagnostic(`${kind.name}: ${line}`),
      });
      t.diagnostic(
        `${kind.name}: ${result.inputs} inputs in ${seconds.toFixed(1)} s, longest turn ${longestTurnMs.toFixed(1)} ms, ` +
          `heap ${before.heapMiB.toFixed(1)} to ${after.heapMiB.toFixed(1)} MiB, seed ${seed}`,
      );
    },
  );
}

/** On a machine with much else to do. */
const START_TIMEOUT_MS = 120_000;
const etcd = realEtcd();
const compared = Number(values.compared);
for (const [name, compare] of [
  ["calls", compareGrpc],
  ["JSON requests", compareJson],
] as const) {
  if (compared === 0 || chosen !== undefined) continue;
  const inputs = Math.ceil(compared / 2);
  const skip = "missing" in etcd ? etcd.missing : false;
  testWithSeed(
    `${inputs} random ${name} are answered as etcd answers them (seed ${seed})`,
    { seed, skip },
    async (_random, t) => {
      if ("missing" in etcd) return;
      await using reference = await Server.start({
        command: [etcd.found.etcd],
        startTimeoutMs: START_TIMEOUT_MS,
      });
      await using subject = await Server.start({
        command: target().command,
        startTimeoutMs: START_TIMEOUT_MS,
      });
      const ports = [subject.clientPort, reference.clientPort] as const;
      using _ = values.pauses ? pausing([subject, reference], new SeededRandom(seed + 1)) : undefined;
      const { differences, known, succeeded } = await compare(new SeededRandom(seed), inputs, ports);
      for (const [difference, count] of known) t.diagnostic(`${count} times known: ${difference}`);
      t.diagnostic(`${inputs} ${name}: ${succeeded} succeeded with both`);
      assert.equal(
        differences.length,
        0,
        `${differences.length} differences, seed ${seed}:\n${differences.slice(0, 20).join("\n")}`,
      );
      assert.ok(succeeded > inputs / 10, `only ${succeeded} succeeded with both, seed ${seed}`);
    },
  );
}

const PROTOCOLS: readonly Protocol[] = [
  { http: 1, isSecure: false },
  { http: 1, isSecure: true },
  { http: 2, isSecure: false },
  { http: 2, isSecure: true },
];
for (const protocol of PROTOCOLS) {
  const inputs = Number(values.connections);
  if (inputs === 0) continue;
  const name = `HTTP/${protocol.http}${protocol.isSecure ? " with TLS" : ""}`;
  const skip = "missing" in etcd ? etcd.missing : false;
  testWithSeed(
    `${inputs} connections of ${name} come to the ends that they come to with etcd (seed ${seed})`,
    {
      seed,
      skip,
    },
    async (_random, t) => {
      if ("missing" in etcd) return;
      await using reference = await startFor(protocol, [etcd.found.etcd]);
      await using subject = await startFor(protocol, target().command);
      const ports = [subject.clientPort, reference.clientPort] as const;
      using _ = values.pauses ? pausing([subject, reference], new SeededRandom(seed + 1)) : undefined;
      const { differences, known, same } = await compareConnections(
        new SeededRandom(seed),
        inputs,
        ports,
        protocol,
      );
      for (const [difference, count] of known) t.diagnostic(`${name}: ${count} times known: ${difference}`);
      const kinds = [...same]
        .toSorted(([, a], [, b]) => b - a)
        .map(([outcome, count]) => `${count} ${outcome}`);
      t.diagnostic(`${name}: ${kinds.length} kinds of ends: ${kinds.slice(0, 6).join(" | ")}`);
      assert.equal(
        differences.length,
        0,
        `${differences.length} differences, seed ${seed}:\n${differences.join("\n")}`,
      );
      assert.ok(kinds.length > 5, `only ${kinds.length} kinds of ends, seed ${seed}`);
    },
  );
}

async function startFor({ isSecure }: Protocol, command: readonly string[]): Promise<Server> {
  const server = await Server.create({
    command,
    startTimeoutMs: START_TIMEOUT_MS,
    args: isSecure ? ["--auto-tls"] : [],
    clientScheme: isSecure ? "https" : "http",
  });
  await server.start();
  return server;
}
