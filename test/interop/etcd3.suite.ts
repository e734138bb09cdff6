/** The npm client `etcd3`: everything its builders offer over KV, Txn, Watch and Lease, its locks and elections. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, beforeEach, describe, test } from "node:test";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { Etcd3, type IKeyValue, type Namespace, type Watcher } from "etcd3";

describe("npm etcd3", () => {
  let server: Server;
  let client: Etcd3;
  let space: Namespace;
  let spaces = 0;
  before(async () => {
    server = await Server.start({ command: target().command });
    client = new Etcd3({ hosts: server.endpoint });
  });
  beforeEach(() => {
    spaces += 1;
    space = client.namespace(`test-${spaces}/`);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  test("put and get strings, numbers, buffers and JSON", async () => {
    await space.put("s").value("text");
    await space.put("n").value(42);
    await space.put("b").value(Buffer.from([0, 255, 128]));
    await space.put("j").value(JSON.stringify({ a: [1, 2] }));
    assert.equal(await space.get("s").string(), "text");
    assert.equal(await space.get("n").number(), 42);
    assert.deepEqual(await space.get("b").buffer(), Buffer.from([0, 255, 128]));
    assert.deepEqual(await space.get("j").json(), { a: [1, 2] });
    assert.equal(await space.get("missing").string(), null);
    assert.equal(await space.get("s").exists(), true);
  });

  test("put returns the previous record", async () => {
    await space.put("k").value("1");
    const previous = await space.put("k").value("2").getPrevious();
    assert.equal(previous.value.toString(), "1");
    assert.equal(previous.version, "1");
  });

  test("touch writes a new version of the same value", async () => {
    await space.put("k").value("1");
    await space.put("k").touch();
    const range = await space.get("k").exec();
    assert.equal(range.kvs[0]?.value.toString(), "1");
    assert.equal(range.kvs[0]?.version, "2");
  });

  test("ranges: prefix, limit, sort, count, keys, revisions", async () => {
    for (const [key, value] of [
      ["a", 3],
      ["b", 1],
      ["c", 2],
    ] as const)
      await space.put(`r/${key}`).value(value);
    const all = () => space.getAll().prefix("r/");
    assert.deepEqual(await all().numbers(), { "r/a": 3, "r/b": 1, "r/c": 2 });
    assert.deepEqual(await all().limit(2).keys(), ["r/a", "r/b"]);
    assert.deepEqual(await all().sort("Key", "Descend").keys(), ["r/c", "r/b", "r/a"]);
    assert.deepEqual(await all().sort("Value", "Ascend").keys(), ["r/b", "r/c", "r/a"]);
    assert.equal(await all().count(), 3);
    const revision = (await space.get("r/b").exec()).kvs[0]!.mod_revision;
    assert.deepEqual(await all().minModRevision(revision).keys(), ["r/b", "r/c"]);
    assert.deepEqual(await all().maxCreateRevision(revision).keys(), ["r/a", "r/b"]);
    await space.put("r/a").value(9);
    assert.equal(await space.get("r/a").revision(revision).number(), 3);
    assert.equal(await space.get("r/a").serializable(true).number(), 9);
    assert.deepEqual(await space.getAll().inRange({ start: "r/a", end: "r/c" }).keys(), ["r/a", "r/b"]);
  });

  test("delete one key, a prefix, all", async () => {
    for (const key of ["a", "b", "c/1", "c/2"]) await space.put(key).value(key);
    assert.equal((await space.delete().key("a")).deleted, "1");
    assert.deepEqual(
      (await space.delete().prefix("c/").getPrevious()).map((kv) => kv.value.toString()),
      ["c/1", "c/2"],
    );
    await space.delete().all();
    assert.deepEqual(await space.getAll().keys(), []);
  });

  test("a transaction takes the branch that its comparisons choose", async () => {
    await space.put("k").value("1");
    const taken = await space
      .if("k", "Value", "==", "1")
      .and("k", "Version", "==", 1)
      .and("missing", "Create", "==", 0)
      .then(space.put("k").value("2"), space.get("k"))
      .else(space.put("k").value("never"))
      .commit();
    assert.equal(taken.succeeded, true);
    assert.equal(taken.responses[1]?.response_range.kvs[0]?.value.toString(), "2");
    const refused = await space
      .if("k", "Value", ">", "2")
      .then(space.delete().key("k"))
      .else(space.get("k"))
      .commit();
    assert.equal(refused.succeeded, false);
    assert.equal(await space.get("k").string(), "2");
  });

  test("software transactional memory counts every increment", async () => {
    await space.put("n").value(0);
    await Promise.all(
      Array.from({ length: 10 }, () =>
        space.stm({ retries: 50 }).transact(async (tx) => {
          const n = await tx.get("n").number();
          await tx.put("n").value((n ?? 0) + 1);
        }),
      ),
    );
    assert.equal(await space.get("n").number(), 10);
  });

  async function collect(watcher: Watcher, count: number): Promise<string[]> {
    const seen: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const add = (kind: string) => (kv: IKeyValue, previous?: IKeyValue) => {
        seen.push(`${kind} ${kv.key} ${kv.value} ${previous?.value ?? "-"}`);
        if (seen.length === count) resolve();
      };
      watcher.on("put", add("put"));
      watcher.on("delete", add("delete"));
      watcher.on("error", reject);
      setTimeout(() => reject(new Error(`only ${seen.join("; ")}`)), 10_000).unref();
    });
    return seen;
  }

  test("a watcher sees puts and deletes with previous records", async () => {
    const watcher = await space.watch().prefix("w/").withPreviousKV().create();
    const seen = collect(watcher, 3);
    await space.put("w/a").value("1");
    await space.put("other").value("1");
    await space.put("w/a").value("2");
    await space.delete().key("w/a");
    assert.deepEqual(await seen, ["put w/a 1 -", "put w/a 2 1", "delete w/a  2"]);
    await watcher.cancel();
  });

  test("a watcher replays from a revision and filters kinds", async () => {
    const first = (await space.put("k").value("1")).header.revision;
    await space.delete().key("k");
    await space.put("k").value("2");
    const all = await space.watch().key("k").startRevision(first).create();
    assert.deepEqual(await collect(all, 3), ["put k 1 -", "delete k  -", "put k 2 -"]);
    const deletes = await space.watch().key("k").startRevision(first).only("delete").create();
    assert.deepEqual(await collect(deletes, 1), ["delete k  -"]);
    await Promise.all([all.cancel(), deletes.cancel()]);
  });

  test("a watcher resumes without a gap when the member restarts", async () => {
    const watcher = await space.watch().prefix("").create();
    const seen = collect(watcher, 6);
    for (const n of [1, 2, 3]) await space.put("k").value(n);
    await server.kill();
    await server.start();
    for (const n of [4, 5, 6]) {
      for (;;) {
        try {
          await space.put("k").value(n);
          break;
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    }
    assert.deepEqual(
      await seen,
      [1, 2, 3, 4, 5, 6].map((n) => `put k ${n} -`),
    );
    await watcher.cancel();
  });

  test("a lease is kept alive, holds its keys and loses them when revoked", async () => {
    const lease = space.lease(10, { autoKeepAlive: false });
    await lease.put("leased").value("1");
    const id = await lease.grant();
    const answer = await lease.keepaliveOnce();
    assert.equal(answer.TTL, "10");
    assert.equal((await space.get("leased").exec()).kvs[0]?.lease, id);
    const info = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
    assert.equal(info.grantedTTL, "10");
    assert.equal(info.keys.length, 1);
    await lease.revoke();
    assert.equal(await space.get("leased").string(), null);
    await assert.rejects(lease.keepaliveOnce());
  });

  test("a lease that keeps itself alive establishes its stream", async () => {
    const lease = space.lease(5);
    await Promise.all([once(lease, "keepaliveEstablished"), lease.grant()]);
    await lease.revoke();
  });

  test("a lock excludes others until it is released", async () => {
    const first = space.lock("lock").ttl(10);
    const second = space.lock("lock").ttl(10);
    await first.acquire();
    await assert.rejects(second.acquire(), /lock/i);
    await first.release();
    await second.acquire();
    await second.release();
  });

  test("an election elects, is observed, and hands over", async () => {
    const one = space.election("race", 10);
    const two = space.election("race", 10);
    const observer = await one.observe();
    const first = one.campaign("one");
    await first.wait();
    if (observer.leader() !== "one") await once(observer, "change");
    assert.equal(observer.leader(), "one");
    const second = two.campaign("two");
    await first.resign();
    await second.wait();
    assert.equal(await two.leader(), "two");
    await second.resign();
    await observer.cancel();
  });

  test("maintenance and cluster calls answer", async () => {
    const status = await client.maintenance.status();
    assert.equal(status.version, "3.7.3");
    assert.ok(Number(status.dbSize) > 0);
    const members = await client.cluster.memberList({} as never);
    assert.equal(members.members[0]?.name, "m1");
    assert.deepEqual(
      (await client.maintenance.alarm({ action: 0, memberID: 0, alarm: 0 } as never)).alarms,
      [],
    );
    await client.maintenance.defragment();
  });

  test("compaction cancels a watcher that starts below it", async () => {
    const first = (await space.put("k").value("1")).header.revision;
    const last = (await space.put("k").value("2")).header.revision;
    await client.kv.compact({ revision: last, physical: true });
    const watcher = space.watch().key("k").startRevision(first).watcher();
    const [error] = await once(watcher, "error");
    assert.match(String(error), /Watcher canceled/);
  });

  test("errors carry etcd's text", async () => {
    await assert.rejects(client.put("k").value("v").lease("4711").exec(), /requested lease not found/);
    await assert.rejects(client.get("k").revision(1_000_000_000).exec(), /future revision/);
  });
});
