import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { Client } from "../client.ts";
import { Election, Mutex, observeLeaders, Session, withPrefix } from "../index.ts";

const TIMEOUT = { timeout: 60_000 };
let server: Server;
let client: Client;
before(async () => {
  server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  client = new Client({ endpoints: [server.endpoint] });
});
after(async () => {
  client.close();
  await server.stop();
});

const keysWith = async (prefix: string) => Number((await client.kv.range(withPrefix(prefix))).count);

test("a lock is held by one session after another, in the order in which they asked", TIMEOUT, async () => {
  const order: number[] = [];
  await using first = await Session.open(client);
  await using second = await Session.open(client);
  await using third = await Session.open(client);
  const mutexes = [first, second, third].map((session) => new Mutex(session, "lock"));
  await mutexes[0]!.lock();
  order.push(0);
  const waiting: Promise<void>[] = [];
  for (const i of [1, 2]) {
    waiting.push(mutexes[i]!.lock().then(() => void order.push(i)));
    await until(async () => (await keysWith("lock/")) === i + 1);
  }
  assert.deepEqual(order, [0]);
  for (const i of [0, 1]) {
    await mutexes[i]!.unlock();
    await waiting[i];
    assert.deepEqual(order.at(-1), i + 1);
  }
  assert.ok(mutexes[2]!.header!.revision > 0n);
});

test("who does not wait any longer leaves the queue", TIMEOUT, async () => {
  await using holder = await Session.open(client);
  await using impatient = await Session.open(client);
  await new Mutex(holder, "queue").lock();
  const stop = new AbortController();
  const waiting = new Mutex(impatient, "queue").lock(stop.signal);
  await until(async () => (await keysWith("queue/")) === 2);
  stop.abort();
  await assert.rejects(waiting, /context canceled/);
  assert.equal(await keysWith("queue/"), 1);
});

test("a session that ends lets go of its lock, and hears when its lease is lost", TIMEOUT, async () => {
  const holder = await Session.open(client);
  await using next = await Session.open(client);
  await new Mutex(holder, "session").lock();
  const waiting = new Mutex(next, "session").lock();
  await client.lease.revoke({ ID: holder.lease });
  await waiting;
  holder.leave();
  await holder.ended;
});

test("candidates lead one after another, and observers see every value", TIMEOUT, async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const observed = (async () => {
    for await (const { kv } of observeLeaders(client, "election", stop.signal)) {
      seen.push(Buffer.from(kv.value).toString());
    }
  })();
  await using one = await Session.open(client);
  await using two = await Session.open(client);
  const first = new Election(one, "election");
  const second = new Election(two, "election");
  await first.campaign("first");
  const elected = second.campaign("second");
  await until(() => seen.length === 1);
  await first.proclaim("first again");
  await until(() => seen.length === 2);
  await first.resign();
  await elected;
  await until(() => seen.length === 3);
  assert.deepEqual(seen, ["first", "first again", "second"]);
  await assert.rejects(first.proclaim("late"), /not leader/);
  stop.abort();
  await assert.rejects(observed, /context canceled/);
});
