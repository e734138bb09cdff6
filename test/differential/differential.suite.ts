/**
 * A real etcd and a member of ours (`QUORATE_TARGET`) get the same random operations; every response, every
 * watch event and every hash must agree. Arguments: `-- --seed N --ops N --runs N --replay FILE`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { cacheDir, realEtcd } from "@quorate/testkit/etcd";
import { Server } from "@quorate/testkit/process";
import { freshSeed, givenSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { fromJson, type Operation, toJson } from "./operation.ts";
import { Difference, runDifferential } from "./run.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: {
    seed: { type: "string" },
    ops: { type: "string", default: "2500" },
    runs: { type: "string", default: "4" },
    replay: { type: "string" },
  },
});

const etcd = realEtcd();
const replay: Operation[] | undefined =
  values.replay === undefined
    ? undefined
    : readFileSync(values.replay, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map(fromJson);
const wantedSeed = values.seed === undefined ? givenSeed() : Number(values.seed);
const runs = replay === undefined && wantedSeed === undefined ? Number(values.runs) : 1;

for (let run = 0; run < runs; run++) {
  const seed = wantedSeed ?? freshSeed();
  const operations = replay?.length ?? Number(values.ops);
  const name = `${operations} operations are answered as etcd answers them (seed ${seed})`;
  testWithSeed(name, { seed, skip: "missing" in etcd ? etcd.missing : false }, async (_, t) => {
    if ("missing" in etcd) return;
    await using reference = await Server.start({ command: [etcd.found.etcd] });
    await using subject = await Server.start({ command: target().command });
    try {
      const { revision, hashes } = await runDifferential({
        reference: reference.endpoint,
        subject: subject.endpoint,
        seed,
        operations,
        ...(replay === undefined ? {} : { replay }),
      });
      t.diagnostic(`seed ${seed}: ${revision} revisions, ${hashes} hashes compared`);
    } catch (error) {
      if (!(error instanceof Difference)) {
        throw new Error(`seed ${seed}; the member's output ends:\n${subject.tail.slice(-3_000)}`, {
          cause: error,
        });
      }
      mkdirSync(cacheDir, { recursive: true });
      const file = path.join(cacheDir, `differential-${seed}.jsonl`);
      writeFileSync(file, error.operations.map((operation) => `${toJson(operation)}\n`).join(""));
      const last = error.operations.slice(-10).map(toJson).join("\n");
      throw new Error(
        `${error.message}\n\nseed ${seed}, all operations in ${file} (run again: -- --replay ${file}); the last:\n${last}`,
      );
    }
  });
}
