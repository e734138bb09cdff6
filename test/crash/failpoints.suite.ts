/**
 * Every failpoint is hit under load with `panic`, and what clients were told must hold after the restart; some are
 * hit with `sleep`, and everybody else must be served meanwhile. Only for servers that have failpoints.
 */
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { Etcd } from "@quorate/testkit/grpc";
import { freePorts } from "@quorate/testkit/ports";
import { Server } from "@quorate/testkit/process";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { Scenario } from "./scenario.ts";

const seed = freshSeed();

interface Failpoint {
  readonly name: string;
  /** What makes it fire, besides puts, transactions, leases and watches. */
  readonly trigger?: "compact" | "defrag" | "renew" | "start";
}

const FAILPOINTS: readonly Failpoint[] = [
  { name: "raftBeforeSave" },
  { name: "raftAfterSave" },
  { name: "raftBeforeLeaderSend" },
  // A single member is a follower only before it elects itself.
  { name: "raftBeforeFollowerSend", trigger: "start" },
  { name: "beforeApplyOneEntryNormal" },
  { name: "beforeCommit" },
  { name: "afterCommit" },
  { name: "beforeStartDBTxn" },
  { name: "afterStartDBTxn" },
  { name: "beforeWritebackBuf" },
  { name: "afterWritebackBuf" },
  { name: "commitBeforePreCommitHook" },
  { name: "commitAfterPreCommitHook" },
  { name: "compactAfterAcquiredBatchTxLock", trigger: "compact" },
  { name: "compactBeforeCommitBatch", trigger: "compact" },
  { name: "compactAfterCommitBatch", trigger: "compact" },
  { name: "compactBeforeCommitScheduledCompact", trigger: "compact" },
  { name: "compactAfterCommitScheduledCompact", trigger: "compact" },
  { name: "compactBeforeSetFinishedCompact", trigger: "compact" },
  { name: "compactAfterSetFinishedCompact", trigger: "compact" },
  { name: "beforeSendWatchResponse" },
  { name: "beforeCheckpointInLeaseRenew", trigger: "renew" },
  { name: "defragBeforeCopy", trigger: "defrag" },
  { name: "defragOpenFileError", trigger: "defrag" },
  { name: "defragdbFail", trigger: "defrag" },
  { name: "defragBeforeRename", trigger: "defrag" },
];

/** Grants a lease and renews it once. */
async function renewLease(etcd: Etcd): Promise<void> {
  const lease = await etcd.leaseGrant({ TTL: 600 });
  const renewals = etcd.keepAlive();
  renewals.send({ ID: lease.ID });
  await renewals.next();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe(`failpoints (seed ${seed})`, () => {
  let server: Server;
  let scenario: Scenario;
  let port = 0;
  let env: Record<string, string> = {};
  before(async () => {
    [port] = (await freePorts(1)) as [number];
    env = { GOFAIL_HTTP: `127.0.0.1:${port}` };
    server = await Server.create({ command: target().command });
    scenario = new Scenario(server, seed);
  });
  after(async () => {
    scenario.abandon();
    await server.kill();
  });

  const at = (name = ""): string => `http://127.0.0.1:${port}/${name}`;

  async function set(name: string, term: string): Promise<void> {
    const response = await fetch(at(name), { method: "PUT", body: term });
    assert.equal(response.status, 204, `PUT /${name}`);
  }

  testWithSeed("GET / lists every failpoint, PUT sets one, DELETE clears it", { seed }, async () => {
    await scenario.up(env);
    const lines = (await (await fetch(at())).text()).trim().split("\n");
    const names = lines.map((line) => line.split("=")[0]);
    for (const { name } of FAILPOINTS) assert.ok(names.includes(name), `${name} is not listed`);
    await set("beforeCommit", 'sleep("1ms")');
    assert.match(await (await fetch(at())).text(), /^beforeCommit=sleep\("1ms"\)$/m);
    assert.equal((await (await fetch(at("beforeCommit"))).text()).trim(), 'sleep("1ms")');
    assert.equal((await fetch(at("beforeCommit"), { method: "DELETE" })).status, 204);
    assert.match(await (await fetch(at())).text(), /^beforeCommit=$/m);
    await scenario.kill();
  });

  testWithSeed("without GOFAIL_HTTP nothing listens", { seed }, async () => {
    await scenario.up();
    await assert.rejects(fetch(at()));
    await scenario.kill();
  });

  for (const { name, trigger } of FAILPOINTS) {
    testWithSeed(`a panic at ${name} loses nothing`, { seed }, async () => {
      if (trigger === "start") {
        server.spawn({ ...env, GOFAIL_FAILPOINTS: `${name}=panic` });
        const ended = await Promise.race([server.exited, pause(10_000).then(() => "alive" as const)]);
        if (ended === "alive") await server.kill();
        assert.notEqual(ended, "alive", `${name} never fired`);
      } else {
        await scenario.up(env);
        await pause(150);
        // A compaction needs something that every watcher has seen.
        if (trigger === "compact") await scenario.audit();
        await set(name, "panic");
        if (trigger === "compact") {
          const { revision } = scenario.history;
          scenario.beside(scenario.etcd.compact({ revision: revision - 200, physical: true }));
          scenario.compacted(revision - 200);
        }
        if (trigger === "renew") scenario.beside(renewLease(scenario.etcd));
        if (trigger === "defrag") scenario.beside(scenario.etcd.defragment({}));
        const ended = await Promise.race([server.exited, pause(10_000).then(() => "alive" as const)]);
        if (ended === "alive") await server.kill();
        scenario.crashed();
        assert.notEqual(ended, "alive", `${name} never fired`);
        assert.notEqual((ended as { code: number | null }).code, 0);
      }
      await scenario.up(env);
      await scenario.audit();
      await scenario.probe();
      await scenario.kill();
    });
  }

  for (const name of ["defragOpenFileError", "defragdbFail"]) {
    testWithSeed(
      `a defragmentation fails with what ${name} returns, and the member goes on`,
      { seed },
      async () => {
        await scenario.up(env);
        await set(name, 'return("no space left")');
        await assert.rejects(scenario.etcd.defragment({}), /no space left/);
        await fetch(at(name), { method: "DELETE" });
        await scenario.etcd.defragment({});
        await scenario.audit();
        await scenario.probe();
        await scenario.kill();
      },
    );
  }

  testWithSeed("a sleep before the log is saved delays writes, and reads go on", { seed }, async () => {
    await scenario.up(env);
    await set("raftBeforeSave", 'sleep("400ms")');
    const slow = scenario.etcd.put({ key: "slow", value: "slow:1" });
    await pause(50);
    const startedAt = performance.now();
    await scenario.etcd.range({ key: "slow", serializable: true });
    assert.ok(performance.now() - startedAt < 300, "a serializable read waited for the log");
    const { header } = await slow;
    scenario.history.acknowledge({ revision: header!.revision, key: "slow", value: "slow:1" });
    await fetch(at("raftBeforeSave"), { method: "DELETE" });
    await scenario.audit();
    await scenario.kill();
  });

  testWithSeed("a count in front limits how often it fires", { seed }, async () => {
    await scenario.up(env);
    await set("afterCommit", '2*sleep("1ms")->panic');
    const ended = await Promise.race([server.exited, pause(10_000).then(() => "alive" as const)]);
    assert.notEqual(ended, "alive");
    scenario.crashed();
  });

  testWithSeed("everything that was acknowledged is there at the end", { seed }, async () => {
    await scenario.up();
    const etcd = new Etcd(server.endpoint);
    await etcd.status({});
    etcd.close();
    await scenario.finish();
    await server.stop();
  });
});
