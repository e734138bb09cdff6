import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { Client, Code, PermissionType, withPrefix } from "@quorate/client";
import { CuttingProxy } from "@quorate/testkit/cutting-proxy";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { leasingProxy, PATIENT, startMember, textOf } from "./testing.ts";

const TIMEOUT = { timeout: 120_000 };
/** Members give leases no shorter time than some seconds. */
const SHORT = { ttlSeconds: 2 };
let server: Server;
let direct: Client;
let members: string[];
before(async () => {
  server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  members = [server.endpoint];
  direct = new Client({ endpoints: members, ...PATIENT });
});
after(async () => {
  direct.close();
  await server.stop();
});

async function cuttable(t: TestContext): Promise<CuttingProxy> {
  const link = await CuttingProxy.to(server.clientPort);
  t.after(() => link[Symbol.dispose]());
  return link;
}

// They wait for leases most of the time, and each has keys of its own.
describe("keys that are owned", { concurrency: 4 }, () => {
  test(
    "an owner that is cut off answers from memory no longer than it owns, and writers wait no longer",
    TIMEOUT,
    async (t) => {
      const link = await cuttable(t);
      const owner = await leasingProxy(t, [link.endpoint], "a/", {
        leasing: { prefix: "a/", ...SHORT },
      });
      const writer = await leasingProxy(t, members, "a/");
      await direct.kv.put({ key: "cut/k", value: "old" });
      await owner.own("cut/k");
      link.refusing = true;
      link.cut();
      const put = writer.client.kv.put({ key: "cut/k", value: "new" });
      // As soon as the write has been answered no read may find what was before.
      await put;
      assert.equal(await owner.owned(), 0);
      const read = owner.client.kv.get("cut/k", { timeoutMs: 500 });
      await assert.rejects(read);
      link.refusing = false;
      assert.equal(textOf((await owner.client.kv.get("cut/k"))?.value), "new");
      assert.equal(await owner.own("cut/k"), "new");
    },
  );

  test("a writer whose time is over writes nothing later", TIMEOUT, async (t) => {
    const link = await cuttable(t);
    const leasing = { prefix: "b/", ttlSeconds: 4 };
    const owner = await leasingProxy(t, [link.endpoint], "b/", { leasing });
    const writer = await leasingProxy(t, members, "b/");
    await owner.own("late/k");
    link.refusing = true;
    link.cut();
    await assert.rejects(writer.client.kv.put({ key: "late/k", value: "x" }, { timeoutMs: 300 }), {
      code: Code.DEADLINE_EXCEEDED,
    });
    await until(async () => (await direct.kv.get("b/late/k")) === undefined);
    assert.equal(await direct.kv.get("late/k"), undefined);
  });

  test("a session whose lease is revoked is replaced by another one", TIMEOUT, async (t) => {
    const owner = await leasingProxy(t, members, "c/");
    await direct.kv.put({ key: "revoked/k", value: "1" });
    await owner.own("revoked/k");
    const first = (await direct.kv.get("c/revoked/k"))!.lease;
    await direct.lease.revoke({ ID: first });
    await until(async () => (await owner.owned()) === 0);
    await direct.kv.put({ key: "revoked/k", value: "2" });
    assert.equal(await owner.own("revoked/k"), "2");
    assert.notEqual((await direct.kv.get("c/revoked/k"))!.lease, first);
  });

  test("leasing keys that somebody deletes are owned no more", TIMEOUT, async (t) => {
    const owner = await leasingProxy(t, members, "d/");
    await owner.own("gone/k");
    await direct.kv.deleteRange(withPrefix("d/"));
    await until(async () => (await owner.owned()) === 0);
    await owner.client.kv.put({ key: "gone/k", value: "1" });
    assert.equal(await owner.own("gone/k"), "1");
  });

  test(
    "a deletion of leasing keys through a proxy has their owners give them up before",
    TIMEOUT,
    async (t) => {
      const owner = await leasingProxy(t, members, "e/");
      const writer = await leasingProxy(t, members, "e/");
      await owner.own("aaa/k");
      await writer.client.kv.deleteRange({ key: "e/", rangeEnd: "e0" });
      assert.equal(await owner.revoked(), 1);
      assert.equal(await owner.owned(), 0);
    },
  );

  test("what hangs on a lease is never answered from memory, and gone with it", TIMEOUT, async (t) => {
    const proxies = [await leasingProxy(t, members, "f/"), await leasingProxy(t, members, "f/")];
    await proxies[0]!.own("leased/k");
    const { ID } = await direct.lease.grant({ TTL: 600 });
    await proxies[0]!.client.kv.put({ key: "leased/k", value: "1", lease: ID });
    for (const { client } of proxies) {
      for (let i = 0; i < 3; i++) assert.equal(textOf((await client.kv.get("leased/k"))?.value), "1");
    }
    await direct.lease.revoke({ ID });
    for (const { client } of proxies) assert.equal(await client.kv.get("leased/k"), undefined);
  });

  test(
    "a compaction that takes away what the owner would have heard of costs it its keys",
    TIMEOUT,
    async (t) => {
      const { server: own, direct: open } = await startMember(t);
      const link = await CuttingProxy.to(own.clientPort);
      t.after(() => link[Symbol.dispose]());
      const leasing = { prefix: "g/", ttlSeconds: 60 };
      const owner = await leasingProxy(t, [link.endpoint], "g/", { leasing });
      const writer = await leasingProxy(t, [own.endpoint], "g/");
      await owner.own("compacted/k");
      link.refusing = true;
      link.cut();
      const put = writer.client.kv.put({ key: "compacted/k", value: "1" });
      await until(async () => textOf((await open.kv.get("g/compacted/k"))?.value) === "REVOKE");
      const { header } = await open.kv.put({ key: "g/other", value: "" });
      await open.kv.compact({ revision: header!.revision });
      link.refusing = false;
      await put;
      assert.equal(textOf((await owner.client.kv.get("compacted/k"))?.value), "1");
    },
  );

  test(
    "with a namespace leasing keys lie in it, and clients of it are asked for their keys alone",
    TIMEOUT,
    async (t) => {
      const inside = { namespace: "ns/" };
      const owner = await leasingProxy(t, members, "l/", inside);
      const writer = await leasingProxy(t, members, "l/", inside);
      const outside = await leasingProxy(t, members, "l/");
      await direct.kv.put({ key: "ns/k", value: "1" });
      assert.equal(await owner.own("k"), "1");
      assert.equal(await outside.own("k"), "");
      assert.notEqual(await direct.kv.get("ns/l/k"), undefined);
      assert.deepEqual((await owner.client.kv.get("k"))?.key, new Uint8Array(Buffer.from("k")));
      await writer.client.kv.txn({ success: [{ requestPut: { key: "k", value: "2" } }] });
      assert.equal(textOf((await owner.client.kv.get("k"))?.value), "2");
      assert.deepEqual([await owner.revoked(), await outside.revoked()], [1, 0]);
      await writer.client.kv.deleteRange({ key: "\0", rangeEnd: "\0" });
      assert.equal(await outside.fromMemory("k"), "");
    },
  );

  test("watches see what is written, whoever owns it", TIMEOUT, async (t) => {
    const owner = await leasingProxy(t, members, "h/");
    const writer = await leasingProxy(t, members, "h/");
    const { header } = await direct.kv.put({ key: "before", value: "" });
    const watcher = owner.client
      .watch({ ...withPrefix("watched/"), startRevision: header!.revision })
      [Symbol.asyncIterator]();
    const seen: string[] = [];
    for (const [i, { client }] of [owner, writer, owner].entries()) {
      await owner.own("watched/k");
      await client.kv.put({ key: "watched/k", value: `${i}` });
    }
    while (seen.length < 3) {
      const { value } = await watcher.next();
      seen.push(...value!.events.map(({ kv }) => textOf(kv!.value)));
    }
    assert.deepEqual(seen, ["0", "1", "2"]);
  });

  test("a proxy that is closed gives its keys back at once", TIMEOUT, async (t) => {
    const owner = await leasingProxy(t, members, "i/", { leasing: { prefix: "i/", ttlSeconds: 600 } });
    await owner.own("closed/k");
    await owner.started.proxy.close();
    assert.equal(await direct.kv.get("i/closed/k"), undefined);
  });

  test("an owner still owns its keys when the member has been started again", TIMEOUT, async (t) => {
    const { server: own } = await startMember(t);
    const owner = await leasingProxy(t, [own.endpoint], "j/");
    const writer = await leasingProxy(t, [own.endpoint], "j/");
    await writer.client.kv.put({ key: "k", value: "1" });
    assert.equal(await owner.own("k"), "1");
    await own.kill();
    await own.start();
    assert.equal(await owner.own("k"), "1");
    await writer.client.kv.put({ key: "k", value: "2" });
    assert.equal(textOf((await owner.client.kv.get("k"))?.value), "2");
    assert.equal(await writer.own("k"), "2");
  });

  test("what is in memory is for nobody who has to say who they are", TIMEOUT, async (t) => {
    const own = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
    t.after(() => own.kill());
    const open = new Client({ endpoints: [own.endpoint], ...PATIENT });
    const leasing = { prefix: "l/", ttlSeconds: 3 };
    const owner = await leasingProxy(t, [own.endpoint], "l/", { leasing });
    const other = await leasingProxy(t, [own.endpoint], "l/", { leasing });
    for (const [user, keys] of Object.entries({
      root: [],
      reader: ["k"],
      writer: ["k", "l/k"],
      stranger: [],
    })) {
      await open.auth.addUser({ name: user, password: "p" });
      await open.auth.addRole({ name: user });
      await open.auth.grantRole({ user, role: user });
      for (const key of keys) {
        const perm = {
          key: Buffer.from(key),
          permType: user === "reader" ? PermissionType.READ : PermissionType.READWRITE,
        };
        await open.auth.grantPermission({ name: user, perm });
      }
    }
    await open.kv.put({ key: "k", value: "1" });
    assert.equal(await owner.own("k"), "1");
    await other.own("other");
    // Through this proxy, which knows it at once; the other one learns it when it renews its lease.
    await owner.client.auth.enable();
    await assert.rejects(owner.client.kv.get("k"), { details: "etcdserver: user name is empty" });
    await until(async () => (await other.owned()) === 0);
    await assert.rejects(other.client.kv.get("other"), { details: "etcdserver: user name is empty" });
    const as = (user: string) => {
      const client = new Client({
        endpoints: [owner.started.endpoint],
        ...PATIENT,
        credentials: { user, password: "p" },
      });
      t.after(() => client.close());
      return client;
    };
    const reader = as("reader");
    const before = await owner.hits();
    assert.equal(textOf((await reader.kv.get("k"))?.value), "1");
    await assert.rejects(reader.kv.put({ key: "k", value: "x" }), { code: Code.PERMISSION_DENIED });
    await assert.rejects(as("stranger").kv.get("k"), { code: Code.PERMISSION_DENIED });
    await as("writer").kv.put({ key: "k", value: "2" });
    assert.equal(textOf((await reader.kv.get("k"))?.value), "2");
    assert.equal(await owner.hits(), before);
    await as("root").auth.disable();
    assert.equal(await owner.own("k"), "2");
    open.close();
  });
});
