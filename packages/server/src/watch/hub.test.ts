import assert from "node:assert/strict";
import test from "node:test";
import { type Client, Harness, lineOf } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";

test("watchers with the same id on different streams are sent the same bytes", () => {
  const harness = new Harness();
  const clients = [harness.open(), harness.open(), harness.open()];
  for (const client of clients) {
    client.create({ key: "foo" });
    client.create({ key: "f", end: "g" });
    client.sink.take();
  }
  harness.store.put("foo");
  const sent = clients.map(({ sink }) => sink.take());
  for (const messages of sent) {
    assert.equal(messages.length, 2);
    assert.equal(messages[0], sent[0]![0]);
    assert.equal(messages[1], sent[0]![1]);
  }
});

test("a slow client costs no memory and misses nothing (W16)", () => {
  const harness = new Harness();
  const client = harness.open();
  client.sink.capacity = 10;
  client.create({ key: "foo" });
  for (let i = 0; i < 3000; i++) {
    harness.store.put("foo");
    if (i % 100 === 0) harness.clock.settle();
  }
  harness.clock.settle();
  assert.equal(client.sink.messages.length, 10);
  assert.equal(harness.hub.metrics.slowWatchers, 1);
  assert.equal(harness.hub.metrics.pendingEvents, 1);
  const seen = client.read();
  const revisions = seen.flatMap(({ events }) => events.map(({ mod }) => mod));
  assert.deepEqual(
    revisions,
    Array.from({ length: 3000 }, (_, i) => i + 2),
  );
  assert.ok(seen.every(({ events }) => events.length <= 1000));
  assert.equal(harness.hub.metrics.slowWatchers, 0);
  assert.equal(harness.hub.metrics.pendingEvents, 0);
  assert.equal(harness.hub.metrics.eventsTotal, 3000);
});

test("a slow client that a compaction overtakes gets a gapless beginning and then the cancel (W16)", () => {
  const harness = new Harness();
  const client = harness.open();
  client.sink.capacity = 10;
  client.create({ key: "foo" });
  for (let i = 0; i < 100; i++) harness.store.put("foo");
  harness.store.compact(101);
  const seen = client.read();
  assert.deepEqual(
    seen.slice(1, -1).flatMap(({ events }) => events.map(({ mod }) => mod)),
    Array.from({ length: 9 }, (_, i) => i + 2),
  );
  assert.equal(lineOf(seen.at(-1)!), "H(0) 0 canceled compacted 101");
});

test("a compaction during a long read of history sends what was complete and then cancels", () => {
  const harness = new Harness();
  for (let i = 0; i < 900; i++) harness.store.put(i % 2 === 0 ? "foo" : "bar");
  harness.clock.costOfLookMs = 3;
  const client = harness.open();
  client.create({ key: "foo", start: 2 });
  harness.clock.runTurn();
  harness.store.compact(800);
  const seen = client.read();
  assert.deepEqual(
    seen[1]!.events.map(({ mod }) => mod),
    Array.from({ length: 128 }, (_, i) => 2 * i + 2),
  );
  assert.deepEqual(seen.slice(2).map(lineOf), ["H(0) 0 canceled compacted 800"]);
});

test("a long read of history yields, and watchers get new changes meanwhile", () => {
  const harness = new Harness();
  for (let i = 0; i < 2000; i++) harness.store.put("foo");
  harness.clock.costOfLookMs = 3;
  const client = harness.open();
  client.create({ key: "foo", start: 1 });
  client.create({ key: "bar" });
  assert.equal(harness.clock.runTurn(), true);
  harness.store.put("bar");
  harness.store.put("foo");
  const seen = client.read();
  assert.deepEqual(seen.slice(0, 3).map(lineOf), [
    "H(2001) 0 created",
    "H(2001) 1 created",
    "H(2002) 1 [PUT bar@2002]",
  ]);
  assert.deepEqual(
    seen.slice(3).flatMap(({ events }) => events.map(({ mod }) => mod)),
    [...Array.from({ length: 2000 }, (_, i) => i + 2), 2003],
  );
});

test("large messages count for more, so that a turn encodes a bounded number of bytes", () => {
  const harness = new Harness();
  const client = harness.open();
  client.create({ key: "foo" });
  client.sink.take();
  const value = "x".repeat(1_048_576);
  for (let i = 0; i < 24; i++) harness.store.put("foo", value);
  assert.equal(client.sink.messages.length, 16);
  const mods = client.read().flatMap(({ events }) => events.map(({ mod }) => mod));
  assert.deepEqual(
    mods,
    Array.from({ length: 24 }, (_, i) => i + 2),
  );
});

test("more messages than a turn may have wait for the next turn, in order", () => {
  const harness = new Harness();
  const clients = Array.from({ length: 3000 }, () => harness.open());
  for (const client of clients) client.create({ key: "foo" });
  for (let i = 0; i < 5; i++) harness.store.put("foo");
  // A turn ends in the middle of a transaction.
  assert.deepEqual(
    [0, 1095, 1096, 2999].map((i) => clients[i]!.sink.messages.length),
    [3, 3, 2, 2],
  );
  clients[0]!.progress();
  assert.equal(harness.hub.hasBacklog, true);
  clients[0]!.create({ key: "foo" });
  harness.clock.settle();
  assert.deepEqual(clients[0]!.lines(), [
    "H(1) 0 created",
    "H(2) 0 [PUT foo@2]",
    "H(3) 0 [PUT foo@3]",
    "H(6) 1 created",
    "H(4) 0 [PUT foo@4]",
    "H(5) 0 [PUT foo@5]",
    "H(6) 0 [PUT foo@6]",
    "H(6) -1",
  ]);
  assert.ok(clients.every(({ sink }) => sink.messages.length === 6 || sink.messages.length === 0));
});

test("when delivery does not keep up with the writes at all, watchers read history and miss nothing", () => {
  const harness = new Harness();
  const clients = Array.from({ length: 4200 }, () => harness.open());
  for (const client of clients) client.create({ key: "foo" });
  clients[0]!.create({ key: "bar" });
  // Far beyond what is kept for the next turn.
  for (let i = 0; i < 20_000; i++) harness.store.put(i % 100 === 0 ? "foo" : "bar");
  for (const client of [clients[0]!, clients.at(-1)!]) {
    const revisions = client
      .read()
      .filter(({ id }) => id === 0n)
      .flatMap(({ events }) => events.map(({ mod }) => mod));
    assert.deepEqual(
      revisions,
      Array.from({ length: 200 }, (_, i) => 100 * i + 2),
    );
  }
  assert.equal(harness.hub.metrics.slowWatchers, 0);
});

test("streams survive the installation of a snapshot, each watcher where it was (W17)", () => {
  const harness = new Harness();
  const follower = harness.store;
  const leader = new MemoryStore();
  const both = (key: string) => {
    leader.put(key);
    follower.put(key);
  };
  const client = harness.open();
  client.create({ key: "foo" });
  client.create({ key: "foo", start: 500 });
  client.create({ key: "foo", start: 1 });
  for (let i = 0; i < 3; i++) both("foo");
  client.read();
  for (let i = 0; i < 100; i++) leader.put("foo");
  follower.replaceBy(leader);
  harness.hub.storeReplaced();
  const seen = client.read();
  for (const id of [0n, 2n]) {
    assert.deepEqual(
      seen.filter((response) => response.id === id).flatMap(({ events }) => events.map(({ mod }) => mod)),
      Array.from({ length: 100 }, (_, i) => i + 5),
    );
  }
  assert.equal(seen.filter(({ id }) => id === 1n).length, 0);
  both("foo");
  client.progress();
  assert.deepEqual(client.lines().sort(), ["H(105) 0 [PUT foo@105]", "H(105) 2 [PUT foo@105]"]);
  while (follower.currentRevision < 501) both("foo");
  const future = client.read().filter(({ id }) => id === 1n);
  assert.deepEqual(future.map(lineOf), ["H(500) 1 [PUT foo@500]", "H(501) 1 [PUT foo@501]"]);
});

test("a snapshot that is compacted beyond a watcher's position cancels it, but not one from the future", () => {
  const harness = new Harness();
  const leader = new MemoryStore();
  harness.store.put("foo");
  const client = harness.open();
  client.create({ key: "foo", start: 1 });
  client.create({ key: "foo", start: 400 });
  client.read();
  for (let i = 0; i < 300; i++) leader.put("foo");
  leader.compact(200);
  harness.store.replaceBy(leader);
  harness.hub.storeReplaced();
  assert.deepEqual(client.lines(), ["H(0) 0 canceled compacted 200"]);
});

test("a sink that dies while it is sent to does not disturb the others", () => {
  const harness = new Harness();
  const clients = [harness.open(), harness.open(), harness.open()];
  for (const client of clients) for (let i = 0; i < 3; i++) client.create({ key: "foo" });
  clients[1]!.sink.onSend = () => clients[1]!.stream.close();
  harness.store.put("foo");
  harness.store.put("foo");
  assert.deepEqual(
    clients.map(({ sink }) => sink.messages.length),
    [9, 4, 9],
  );
  assert.equal(harness.hub.metrics.watchers, 6);
  assert.equal(harness.hub.metrics.streams, 2);
});

test("changes that nobody watches are not kept", () => {
  const harness = new Harness();
  for (let i = 0; i < 10; i++) harness.store.put("foo");
  assert.equal(harness.hub.recent.length, 0);
  const client = harness.open();
  client.create({ key: "bar" });
  for (let i = 0; i < 10; i++) harness.store.put("foo");
  harness.store.write({ put: "foo" }, { put: "bar" });
  assert.equal(harness.hub.recent.length, 1);
  assert.equal(harness.hub.recent.at(0).events.length, 1);
  const other = harness.open();
  other.create({ key: "foo", start: 5 });
  harness.store.put("foo");
  const revisions = other.read().flatMap(({ events }) => events.map(({ mod }) => mod));
  assert.deepEqual(
    revisions,
    Array.from({ length: 19 }, (_, i) => i + 5),
  );
  client.cancel(0);
  other.cancel(0);
  harness.store.put("foo");
  assert.equal(harness.hub.recent.length, 0);
});

/** How many messages the clients are sent in each turn until nothing more comes, beginning with the one under way. */
function messagesByTurn(harness: Harness, clients: readonly Client[]): number[] {
  const turns: number[] = [];
  do {
    let sent = 0;
    for (const { sink } of clients) sent += sink.take().length;
    turns.push(sent);
  } while (harness.clock.runTurn());
  return turns;
}

test("a transaction for a crowd is handed on in several turns, to each once", () => {
  for (const streams of [10_000, 10]) {
    const harness = new Harness();
    const clients = Array.from({ length: streams }, () => harness.open());
    for (let i = 0; i < 10_000; i++)
      clients[i % streams]!.create({ key: i % 2 === 0 ? "foo" : "fo", end: "g" });
    harness.clock.settle();
    for (const { sink } of clients) sink.take();
    harness.store.put("foo");
    const turns = messagesByTurn(harness, clients);
    // To encode a message for each id costs a little, too.
    assert.ok(turns.every((sent) => sent <= 4096) && turns[0]! > 4000 && turns.length === 4, String(turns));
    assert.equal(
      turns.reduce((sum, sent) => sum + sent),
      10_000,
    );
    harness.store.write({ put: "foo" }, { put: "foa" }, { delete: "foo" });
    const more = messagesByTurn(harness, clients);
    assert.ok(more.every((sent) => sent <= 4096));
    assert.equal(
      more.reduce((sum, sent) => sum + sent),
      10_000,
    );
  }
});

test("a crowd that falls behind at once does so in several turns, and misses nothing", () => {
  const harness = new Harness();
  const clients = Array.from({ length: 10_000 }, () => harness.open());
  for (const client of clients) client.create({ key: "f", end: "g" });
  harness.clock.settle();
  harness.store.maxChanges = 1;
  harness.store.write({ put: "foo" }, { put: "fop" });
  assert.equal(harness.hub.metrics.slowWatchers, 4096);
  clients[9_999]!.create({ key: "f", end: "g" });
  clients[9_999]!.progress();
  harness.store.put("foo");
  for (const client of [clients[0]!, clients[9_999]!]) {
    const mods = client.read().flatMap(({ id, events }) => (id === 0n ? events.map(({ mod }) => mod) : []));
    assert.deepEqual(mods, [2, 2, 3]);
  }
  assert.equal(harness.hub.metrics.slowWatchers, 0);
});

test("a key that is watched in very many ranges is found in steps, and nobody misses its change", () => {
  const harness = new Harness();
  const client = harness.open();
  for (let i = 0; i < 20_000; i++) client.create({ key: `a${i}`, end: "g" });
  harness.clock.settle();
  client.sink.take();
  harness.store.put("foo");
  assert.ok(harness.hub.metrics.slowWatchers <= 4096);
  const seen = client.read();
  assert.equal(new Set(seen.map(({ id }) => id)).size, 20_000);
  assert.ok(seen.every(({ events }) => events.length === 1));
  assert.equal(seen.length, 20_000);
});

test("the watchers of a stream that has ended are taken out in several turns", () => {
  const harness = new Harness();
  const client = harness.open();
  for (let i = 0; i < 10_000; i++) client.create({ key: `foo${i}` });
  harness.clock.settle();
  client.stream.close();
  const left: number[] = [];
  do left.push(harness.hub.metrics.watchers);
  while (harness.clock.runTurn());
  assert.deepEqual(left.slice(0, 3), [8976, 7952, 6928]);
  assert.equal(left.at(-1), 0);
  assert.equal(harness.hub.hasListener(), false);
});

test("progress of many watchers is told in several turns", () => {
  const harness = new Harness({ progressIntervalMs: 100 });
  const client = harness.open();
  for (let i = 0; i < 10_000; i++) client.create({ key: "foo", progressNotify: true });
  harness.clock.settle();
  client.sink.take();
  let most = 0;
  let total = 0;
  const count = () => {
    most = Math.max(most, client.sink.messages.length);
    total += client.sink.take().length;
  };
  const { soon } = harness.clock;
  harness.clock.soon = (callback) => {
    soon.call(harness.clock, () => {
      count();
      callback();
      count();
    });
  };
  harness.clock.advance(100);
  count();
  assert.equal(total, 10_000);
  assert.equal(most, 4096);
});
