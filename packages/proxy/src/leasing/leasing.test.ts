import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, withPrefix } from "@quorate/client";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import type { ResponseHeader } from "@quorate/wire/messages";
import { leasingProxy, PATIENT, textOf } from "./testing.ts";

const TIMEOUT = { timeout: 120_000 };
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

test(
  "a key that has been read is owned: members are not asked for it again, whatever form the read has",
  TIMEOUT,
  async (t) => {
    const { client, own, fromMemory, hits } = await leasingProxy(t, members, "l1/");
    await direct.kv.put({ key: "one/a", value: "1" });
    const there = await direct.kv.get("one/a");
    assert.equal(await own("one/a"), "1");
    assert.equal(await own("one/none"), "");
    const leasingKv = await direct.kv.get("l1/one/a");
    assert.deepEqual([textOf(leasingKv?.value), leasingKv!.lease !== 0n], ["", true]);
    // Somebody who does not speak the protocol is not seen: that is how one can tell that the member is not asked.
    await direct.kv.put({ key: "one/a", value: "unseen" });
    assert.equal(await fromMemory("one/a"), "1");
    const before = await hits();
    const whole = await client.kv.range({ key: "one/a" });
    assert.deepEqual(whole.kvs, [there]);
    assert.equal(whole.count, 1n);
    const keysOnly = await client.kv.range({ key: "one/a", keysOnly: true });
    assert.deepEqual(keysOnly.kvs, [{ ...there, value: new Uint8Array(0) }]);
    const { kvs, count } = await client.kv.range({ key: "one/a", countOnly: true });
    assert.deepEqual([kvs, count], [[], 1n]);
    assert.equal((await client.kv.range({ key: "one/none", countOnly: true })).count, 0n);
    assert.equal(await hits(), before + 4);
    // What is no read of one key as it is now goes to a member.
    assert.equal(
      textOf((await client.kv.range({ key: "one/a", revision: there!.modRevision })).kvs[0]?.value),
      "1",
    );
    assert.equal(textOf((await client.kv.range({ ...withPrefix("one/") })).kvs[0]?.value), "unseen");
    assert.equal(await hits(), before + 4);
  },
);

const answers: readonly {
  readonly name: string;
  readonly ask: (client: Client) => Promise<{ readonly header: ResponseHeader | undefined }>;
}[] = [
  { name: "a put", ask: ({ kv }) => kv.put({ key: "two/b", value: "1" }) },
  { name: "a deletion", ask: ({ kv }) => kv.deleteRange(withPrefix("two/b")) },
  { name: "a read of several keys", ask: ({ kv }) => kv.range(withPrefix("two/")) },
  { name: "a serializable read", ask: ({ kv }) => kv.range({ key: "two/c", serializable: true }) },
  {
    name: "a transaction",
    ask: ({ kv }) => kv.txn({ success: [{ requestPut: { key: "two/b", value: "1" } }] }),
  },
  {
    name: "a transaction that reads",
    ask: ({ kv }) => kv.txn({ success: [{ requestRange: { key: "two/b" } }] }),
  },
];
test(
  "answers from memory have no older revision than any that the proxy has given before",
  TIMEOUT,
  async (t) => {
    const { client, own, fromMemory } = await leasingProxy(t, members, "l2/");
    await own("two/a");
    for (const { name, ask } of answers) {
      await direct.kv.put({ key: "elsewhere", value: "" });
      const { header } = await ask(client);
      const answer = await client.kv.range({ key: "two/a" });
      assert.ok(answer.header!.revision >= header!.revision, name);
      assert.equal(answer.header!.clusterId, header!.clusterId);
      // A deletion of a range that it may be in costs the key; none of these does.
      await fromMemory("two/a");
    }
  },
);

const writes: readonly {
  readonly name: string;
  readonly write: (client: Client, key: string) => Promise<unknown>;
  readonly value: string;
  /** Whether the owner still owns the key when it has written so itself. */
  readonly keeps: boolean;
}[] = [
  { name: "a put", write: ({ kv }, key) => kv.put({ key, value: "new" }), value: "new", keeps: true },
  {
    name: "a put that keeps the value",
    write: ({ kv }, key) => kv.put({ key, ignoreValue: true }),
    value: "old",
    keeps: true,
  },
  {
    name: "a put that keeps the lease",
    write: ({ kv }, key) => kv.put({ key, value: "new", ignoreLease: true }),
    value: "new",
    keeps: true,
  },
  {
    name: "a put with a lease",
    write: async ({ kv, lease }, key) =>
      kv.put({ key, value: "new", lease: (await lease.grant({ TTL: 600 })).ID }),
    value: "new",
    keeps: false,
  },
  { name: "a deletion", write: ({ kv }, key) => kv.deleteRange({ key }), value: "", keeps: true },
  {
    name: "a deletion of a range",
    write: ({ kv }, key) => kv.deleteRange({ key, rangeEnd: `${key}\0` }),
    value: "",
    keeps: false,
  },
  {
    name: "a deletion of all keys from one on",
    write: ({ kv }, key) => kv.deleteRange({ key, rangeEnd: "\0" }),
    value: "",
    keeps: false,
  },
  {
    name: "a transaction without comparisons",
    write: ({ kv }, key) =>
      kv.txn({ success: [{ requestPut: { key, value: "new" } }, { requestRange: { key } }] }),
    value: "new",
    keeps: true,
  },
  {
    name: "a transaction whose comparisons hold",
    write: ({ kv }, key) =>
      kv.txn({
        compare: [{ key, target: 3, result: 0, value: "old" }],
        success: [{ requestDeleteRange: { key } }],
        failure: [{ requestPut: { key, value: "wrong" } }],
      }),
    value: "",
    keeps: true,
  },
  {
    name: "a transaction whose comparisons do not hold",
    write: ({ kv }, key) =>
      kv.txn({
        compare: [{ key, target: 3, result: 0, value: "other" }],
        success: [{ requestPut: { key, value: "wrong" } }],
        failure: [{ requestPut: { key, value: "new" } }],
      }),
    value: "new",
    keeps: true,
  },
  {
    name: "a transaction in a transaction",
    write: ({ kv }, key) =>
      kv.txn({
        success: [
          {
            requestTxn: {
              compare: [{ key, target: 1, result: 1, createRevision: 0n }],
              success: [{ requestPut: { key, value: "new" } }],
              failure: [{ requestDeleteRange: { key } }],
            },
          },
        ],
      }),
    value: "new",
    keeps: true,
  },
  {
    name: "a transaction with a deletion of a range",
    write: ({ kv }, key) =>
      kv.txn({
        compare: [{ key, target: 3, result: 0, value: "old" }],
        success: [{ requestDeleteRange: { key, rangeEnd: `${key}\0` } }],
      }),
    value: "",
    keeps: false,
  },
  {
    name: "a transaction with more keys than may be compared one by one",
    write: ({ kv }, key) =>
      kv.txn({
        compare: [{ key, target: 3, result: 0, value: "old" }],
        success: Array.from({ length: 100 }, (_, i) => ({
          requestPut: { key: i === 0 ? key : `${key}/${i}`, value: "new" },
        })),
      }),
    value: "new",
    keeps: false,
  },
];
for (const [i, { name, write, value, keeps }] of writes.entries()) {
  test(`${name} by the owner is seen by its next read, and as the cluster has it`, TIMEOUT, async (t) => {
    const { client, own, fromMemory } = await leasingProxy(t, members, `w${i}/`);
    const key = `~${i}/k`;
    await direct.kv.put({ key, value: "old" });
    assert.equal(await own(key), "old");
    await write(client, key);
    if (keeps) assert.equal(await fromMemory(key), value);
    assert.deepEqual(await client.kv.get(key), await direct.kv.get(key));
    assert.equal(textOf((await direct.kv.get(key))?.value), value);
  });

  test(`${name} through another proxy has the owner give the key up before`, TIMEOUT, async (t) => {
    const owner = await leasingProxy(t, members, `v${i}/`);
    const writer = await leasingProxy(t, members, `v${i}/`);
    const key = `~${i}/l`;
    await direct.kv.put({ key, value: "old" });
    assert.equal(await owner.own(key), "old");
    await write(writer.client, key);
    assert.equal(await owner.revoked(), 1);
    const there = await direct.kv.get(key);
    assert.equal(textOf(there?.value), value);
    assert.deepEqual(await owner.client.kv.get(key), there);
    assert.deepEqual(await writer.client.kv.get(key), there);
    assert.equal(await owner.owned(), 0);
  });
}
