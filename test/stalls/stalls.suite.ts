/**
 * No request stalls a member or swells it. A member with many keys, large values and many leases is asked for everything
 * that touches much, by clients that read fast, slowly, or not at all and then go away; beside it others put and read.
 * Nobody may wait long, and at the end the member holds what it held before. Members of a cluster go on hearing of each
 * other: the leader stays.
 *
 * By default `--shapes N` shapes (24) that the seed chooses, judged with patience: a part that runs among other tests must
 * not fail for what a machine does now and then.
 * Arguments: `-- --all` for all shapes, judged strictly; `--full` for all of them and all ways at the whole size (`--worst`:
 * the worst ways); `--only PATTERN` for calls and shapes whose names match it; `--seed N`; `--profiles DIR` for a CPU profile
 * of what stalls; `--table FILE` for the table beside the output.
 */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { parseArgs } from "node:util";
import { freePort } from "@quorate/testkit/ports";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { BesideProcess } from "./beside-process.ts";
import { growthOf, holdingsText } from "./growth.ts";
import { faultsOf, LIMITS, PATIENT } from "./judgement.ts";
import { enableUsers, measureLogins } from "./logins.ts";
import { MeasuredMember } from "./measured-member.ts";
import { type Bench, type Measurement, measure } from "./measurement.ts";
import { profiled } from "./profile.ts";
import { ofEachOnce, type Shape, type Way } from "./shape.ts";
import { SHAPES } from "./shapes/all.ts";
import { CLUSTER, FULL, QUICK } from "./sizes.ts";
import { Store } from "./store.ts";
import { tableOf } from "./table.ts";
import { threeMembers } from "./three-members.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: {
    all: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    worst: { type: "boolean", default: false },
    shapes: { type: "string", default: "24" },
    seed: { type: "string" },
    only: { type: "string", default: "" },
    profiles: { type: "string" },
    table: { type: "string" },
  },
});
/** What a machine does now and then it does not do so often in a row. */
const TRIES = 3;
const FLAGS = ["--max-txn-ops", "20000", "--quota-backend-bytes", String(64 * 2 ** 30)];
const { command } = target();

const wanted = new RegExp(values.only);
const isPart = !values.all && !values.full && values.only === "";
const limits = isPart ? PATIENT : LIMITS;
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const matching = SHAPES.filter(({ method, what }) => wanted.test(`${method} ${what}`)).map((shape) =>
  values.full && !values.worst ? shape : ofEachOnce(shape),
);
const chosen = new Set(
  isPart ? new SeededRandom(seed).shuffled(matching).slice(0, Number(values.shapes)) : matching,
);
// In their order: some leave the store without what others ask for.
const shapes = matching.filter((shape) => chosen.has(shape));
const obstacle = process.platform === "linux" ? undefined : "needs /proc";

testWithSeed(
  `no request stalls a member or swells it (seed ${seed})`,
  { seed, ...skipIf(obstacle) },
  async (_, t) => {
    await using server = await Server.create({ command, args: FLAGS });
    using member = await MeasuredMember.start(server, await freePort());
    const store = new Store(member.client, values.full ? FULL : QUICK);
    const filledAt = performance.now();
    await store.fill();
    t.diagnostic(`filled in ${Math.round(performance.now() - filledAt)} ms`);
    await store.displaceLog();
    const before = await member.holdings();
    {
      using beside = await BesideProcess.start(member.address, fileBeside());
      await measureAll(t, { member, store, beside }, shapes);
    }

    await t.test("at the end the member holds what it held before", async (one) => {
      await store.putLarge();
      await store.putLeased();
      await store.dropOthers();
      await store.compact();
      await store.displaceLog();
      await store.defragment();
      const after = await member.holdings();
      one.diagnostic(`held before and after:\n${holdingsText(before, after)}`);
      assert.deepEqual(growthOf(before, after), []);
    });
  },
);

testWithSeed(
  `5,000 logins at once do not stall a member (seed ${seed})`,
  { seed, skip: obstacle ?? (wanted.test("Auth/Authenticate logins") ? false : "not asked for") },
  async (_, t) => {
    await using server = await Server.create({ command });
    using member = await MeasuredMember.start(server, await freePort());
    const token = await enableUsers(member.client);
    using beside = await BesideProcess.start(member.address, fileBeside(), token);
    let faults: readonly string[] = [];
    for (let tries = 0; tries < TRIES; tries++) {
      const measured = await measureLogins(member, beside, limits);
      t.diagnostic(measured.text);
      ({ faults } = measured);
      if (faults.length === 0) break;
    }
    assert.deepEqual(faults, []);
  },
);

// Each of a cluster of its own: some shapes leave the store without what others ask for.
for (const role of values.full ? (["leader", "follower"] as const) : (["leader"] as const)) {
  testWithSeed(
    `no request to a ${role} costs a cluster its leader (seed ${seed})`,
    { seed, ...skipIf(obstacle) },
    async (_, t) => {
      const servers = await threeMembers(command, FLAGS);
      await using _all = new AsyncDisposableStack();
      for (const server of servers) _all.use(server);
      // None is ready before most of them are there.
      const members = await Promise.all(
        servers.map(async (server) => MeasuredMember.start(server, await freePort())),
      );
      for (const member of members) _all.use(member);
      const { leader } = await members[0]!.status();
      const ids = await Promise.all(members.map(async (one) => (await one.status()).header!.memberId));
      const leading = members[ids.indexOf(leader)]!;
      const member = role === "leader" ? leading : members.find((one) => one !== leading)!;
      const store = new Store(leading.client, CLUSTER);
      await store.fill();
      using beside = await BesideProcess.start(member.address, fileBeside());
      const once = shapes.map((shape) => ({
        ...shape,
        what: `${shape.what} (${role} of three)`,
        ways: ofEachOnce(shape).ways.slice(0, 1),
      }));
      await measureAll(t, { member, store, beside }, once);
    },
  );
}

async function measureAll(t: TestContext, bench: Bench, wantedShapes: readonly Shape[]): Promise<void> {
  const measurements: Measurement[] = [];
  for (const shape of wantedShapes) {
    for (const way of shape.ways) {
      await t.test(`${shape.method}: ${shape.what}; ${wayText(way)}`, async (one) => {
        const { measured, faults } = await bestOf(bench, shape, way);
        measurements.push(measured);
        for (const fault of faults) one.diagnostic(fault);
        if (faults.length > 0 && values.profiles !== undefined) {
          const file = path.join(values.profiles, `${measurements.length}.cpuprofile`);
          const stretch = await profiled(bench.member.inspector, file, async () => {
            await measure(bench, shape, way);
          });
          one.diagnostic(`${file}; the longest time without rest:\n${stretch}`);
        }
        assert.deepEqual(faults, []);
      });
    }
  }
  const table = tableOf(measurements);
  console.log(table);
  if (values.table !== undefined) writeFileSync(values.table, `${table}\n`, { flag: "a" });
}

/** The first run without a fault, or the one with the fewest. */
async function bestOf(
  bench: Bench,
  shape: Shape,
  way: Way,
): Promise<{ readonly measured: Measurement; readonly faults: readonly string[] }> {
  let best: { measured: Measurement; faults: string[] } | undefined;
  for (let tries = 0; tries < TRIES; tries++) {
    const measured = await measure(bench, shape, way);
    const faults = faultsOf(measured, limits);
    if (faults.length === 0) return { measured, faults };
    if (best === undefined || faults.length < best.faults.length) best = { measured, faults };
  }
  return best!;
}

function wayText({ protocol, pace, times }: Way): string {
  return `${times} over ${protocol}, read ${pace === "none" ? "not at all" : pace}`;
}

/** On the members' disk. */
function fileBeside(): string {
  return path.join(temporaryDir("stalls"), "synced");
}

function skipIf(reason: string | undefined): { skip?: string } {
  return reason === undefined ? {} : { skip: reason };
}
