/**
 * Every failpoint at the edges of a cluster is hit with `panic` in the member that it concerns, while the others go on;
 * what was acknowledged must be everywhere after its restart. Only for servers that have failpoints.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe } from "node:test";
import { freePorts } from "@quorate/testkit/ports";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { Cluster } from "../cluster/cluster.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { ProxyNetwork } from "../cluster/network/proxies.ts";

const seed = freshSeed();
const SNAPSHOT_COUNT = 100;
const CATCHUP_ENTRIES = 50;
const DEATH_TIMEOUT_MS = 30_000;

/** Passed by a member that is so far behind that it is sent a snapshot. */
const ON_A_SNAPSHOT = [
  "snapDBRenameBeforeDirSync",
  "raftBeforeSaveSnap",
  "raftAfterSaveSnap",
  "raftBeforeApplySnap",
  "raftAfterApplySnap",
  "applyBeforeOpenSnapshot",
  "applyAfterOpenSnapshot",
  "raftAfterWALRelease",
];

describe(`failpoints of a cluster (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  const dir = mkdtempSync(path.join(tmpdir(), "quorate-cluster-failpoints-"));
  /** What was acknowledged. */
  const written = new Map<string, string>();
  const unexpected: string[] = [];
  let cluster: Cluster;
  before(async () => {
    cluster = new Cluster({
      command: target().command,
      size: 3,
      network: new ProxyNetwork(random),
      dir,
      args: ["--snapshot-count", `${SNAPSHOT_COUNT}`, "--snapshot-catchup-entries", `${CATCHUP_ENTRIES}`],
      onUnexpectedExit: (what) => unexpected.push(what),
    });
    await cluster.start();
  });
  after(async () => {
    await cluster.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function write(through: MemberProcess, count: number): Promise<void> {
    const client = cluster.client(through);
    const first = written.size;
    const keys = Array.from({ length: count }, (_, i) => `key-${first + i}`);
    await Promise.all(
      keys.map(async (key) => {
        await client.put({ key, value: `value of ${key}` }, 30_000);
        written.set(key, `value of ${key}`);
      }),
    );
  }

  /** Every member has everything, and the same. */
  async function audit(): Promise<void> {
    await cluster.healthy();
    const hashes = new Set<string>();
    for (const member of cluster.members) {
      const client = cluster.client(member);
      const { kvs } = await client.range({ key: "key-", range_end: "key." }, 30_000);
      const found = new Map(
        kvs.map((kv) => [Buffer.from(kv.key).toString(), Buffer.from(kv.value).toString()]),
      );
      for (const [key, value] of written) assert.equal(found.get(key), value, `${key} at ${member.name}`);
      const { header } = await cluster.client(cluster.members[0]!).range({ key: "key-0" });
      const { hash } = await client.hashKv({ revision: header!.revision }, 30_000);
      hashes.add(`${hash}`);
    }
    assert.equal(hashes.size, 1, `hashes ${[...hashes].join(", ")}`);
  }

  /** Waits for the failpoint to end `member`, and starts it again without. */
  async function diesAndReturns(member: MemberProcess): Promise<void> {
    const timeout = new Promise<undefined>((resolve) => setTimeout(resolve, DEATH_TIMEOUT_MS, undefined));
    const ended = await Promise.race([member.exited, timeout]);
    assert.notEqual(ended, undefined, `the failpoint never fired at ${member.name}:\n${member.tail()}`);
    assert.notEqual(ended!.code, 0);
    member.env = {};
    cluster.restart(member);
  }

  for (const name of ON_A_SNAPSHOT) {
    testWithSeed(`a crash at ${name} loses nothing`, { seed }, async () => {
      const follower = random.pick(await cluster.followers());
      await follower.stop();
      await write(await cluster.leader(), 5 * (SNAPSHOT_COUNT + CATCHUP_ENTRIES));
      follower.env = { GOFAIL_HTTP: "127.0.0.1:0", GOFAIL_FAILPOINTS: `${name}=panic` };
      cluster.restart(follower);
      follower.expectExit();
      await diesAndReturns(follower);
      await audit();
    });
  }

  testWithSeed(
    "a received database whose name cannot be made durable is refused, and sent again",
    { seed },
    async () => {
      const follower = random.pick(await cluster.followers());
      await follower.stop();
      await write(await cluster.leader(), 5 * (SNAPSHOT_COUNT + CATCHUP_ENTRIES));
      follower.env = {
        GOFAIL_HTTP: "127.0.0.1:0",
        GOFAIL_FAILPOINTS: 'snapDBDirSyncError=1*return("no such luck")',
      };
      const logged = readFileSync(follower.logFile, "utf8").length;
      cluster.restart(follower);
      await audit();
      assert.match(readFileSync(follower.logFile, "utf8").slice(logged), /no such luck/);
      await follower.stop();
      follower.env = {};
      cluster.restart(follower);
      await audit();
    },
  );

  testWithSeed("a crash before a follower's messages leave loses nothing", { seed }, async () => {
    const follower = random.pick(await cluster.followers());
    await follower.stop();
    follower.env = { GOFAIL_HTTP: "127.0.0.1:0", GOFAIL_FAILPOINTS: "raftBeforeFollowerSend=panic" };
    cluster.restart(follower);
    follower.expectExit();
    await write(await cluster.leader(), 20);
    await diesAndReturns(follower);
    await audit();
  });

  testWithSeed(
    "a crash before a change of the members takes effect loses neither the change nor data",
    { seed },
    async () => {
      const follower = random.pick(await cluster.followers());
      await follower.stop();
      follower.env = { GOFAIL_HTTP: "127.0.0.1:0", GOFAIL_FAILPOINTS: "beforeApplyOneConfChange=panic" };
      cluster.restart(follower);
      follower.expectExit();
      await cluster.healthy();
      const added = cluster.add(true);
      await diesAndReturns(follower);
      const learner = await added;
      await write(await cluster.leader(), 20);
      await cluster.healthy();
      await cluster.promote(learner);
      await audit();
      await cluster.remove(learner);
      await audit();
    },
  );

  testWithSeed(
    "a pause before a change of the members takes effect holds up applying, and nothing else",
    { seed },
    async () => {
      const follower = random.pick(await cluster.followers());
      await follower.stop();
      follower.env = {
        GOFAIL_HTTP: "127.0.0.1:0",
        GOFAIL_FAILPOINTS: 'beforeApplyOneConfChange=1*sleep("1s")',
      };
      cluster.restart(follower);
      await cluster.healthy();
      const learner = await cluster.add(true);
      await write(follower, 20);
      await cluster.remove(learner);
      await audit();
      await follower.stop();
      follower.env = {};
      cluster.restart(follower);
      await audit();
    },
  );

  // As in etcd, a stall before saving holds an idle leader up, too.
  for (const load of ["that is written to", "that is idle"]) {
    testWithSeed(
      `a leader ${load} and whose disk stalls hands leadership over; writing goes on, and it rejoins`,
      { seed },
      async () => {
        const [stalling, other] = (await cluster.followers()) as [MemberProcess, MemberProcess];
        const [port] = await freePorts(1);
        await stalling.stop();
        stalling.env = { GOFAIL_HTTP: `127.0.0.1:${port}` };
        cluster.restart(stalling);
        await cluster.healthy();
        await cluster.moveLeader(stalling);
        await cluster.healthy();
        const failpoint = `http://127.0.0.1:${port}/raftBeforeSave`;
        await fetch(failpoint, { method: "PUT", body: 'sleep("4s")' });
        // The first of these is what the disk does not finish; two other disks are a quorum all the same.
        if (load !== "that is idle") await write(other, 50);
        const giveUpAt = performance.now() + DEATH_TIMEOUT_MS;
        let leader = await cluster.leader();
        while (leader === stalling) {
          assert.ok(performance.now() < giveUpAt, "it leads on although its disk has stalled");
          leader = await cluster.leader();
        }
        await write(leader, 50);
        await fetch(failpoint, { method: "DELETE" });
        await audit();
      },
    );
  }

  testWithSeed("nobody ended who was not told to", { seed }, () => {
    assert.deepEqual(unexpected, []);
  });
});
