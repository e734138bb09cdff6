import assert from "node:assert/strict";
import test from "node:test";
import { decode } from "@quorate/wire";
import { WatchResponseSchema } from "@quorate/wire/etcdserverpb";
import { type Client, Harness, lineOf } from "./testing/harness.ts";

const DUPLICATE = '"mvcc: duplicate watch ID provided on the WatchStream"';
const EMPTY_RANGE = '"mvcc: watcher range is empty"';
const COMPACTED = '"etcdserver: mvcc: required revision has been compacted"';

test("one stream with everything: ids, refusals, a compacted watcher and one from the past (W1)", () => {
  const harness = new Harness();
  const { store } = harness;
  for (let i = 0; i < 5; i++) store.put("foo", `v${i}`);
  store.compact(4);
  const client = harness.open();
  client.create({ key: "foo", start: 2, id: 5 });
  client.create({ key: "foo", id: 5 });
  client.create({ key: "foo", end: "foa" });
  client.create({ key: "foo", start: 4, prevKv: true });
  client.cancel(77);
  client.create({ key: "foo" });
  client.progress();
  assert.deepEqual(client.lines(), [
    "H(6) 5 created",
    `H(6) -1 created canceled ${DUPLICATE}`,
    `H(6) -1 created canceled ${EMPTY_RANGE}`,
    "H(6) 0 created",
    "H(6) 1 created",
    "H(0) 5 canceled compacted 4",
    "H(6) 0 [PUT foo@4, PUT foo@5 prev@4, PUT foo@6 prev@5]",
  ]);
  client.progress();
  assert.deepEqual(client.lines(), []);
  client.cancel(5);
  client.progress();
  assert.deepEqual(client.lines(), ["H(6) 5 canceled", "H(6) -1"]);
});

test("a cancelled id of the server is not chosen again, and a second cancel says nothing (W2)", () => {
  const client = new Harness().open();
  client.create({ key: "q" });
  client.cancel(0);
  client.cancel(0);
  client.create({ key: "q" });
  client.progress();
  assert.deepEqual(client.lines(), ["H(1) 0 created", "H(1) 0 canceled", "H(1) 1 created", "H(1) -1"]);
});

test("a negative start revision counts as compacted, before all other checks (W3)", () => {
  const harness = new Harness();
  const client = harness.open(() => "denied");
  client.create({ key: "q", start: -1 });
  client.create({ key: "q", end: "a" });
  const refused = client.read();
  assert.deepEqual(refused.map(lineOf), [
    `H(1) -1 created canceled ${COMPACTED}`,
    'H(1) -1 created canceled "denied"',
  ]);
  assert.equal(refused[0]!.compactRevision, 0);
});

test("an empty key is the zero byte, and the zero byte as end opens the range (W4)", () => {
  const harness = new Harness();
  const client = harness.open();
  client.create({});
  client.create({ key: "\0", end: "\0" });
  harness.store.put("\0");
  harness.store.put("\0\0");
  assert.deepEqual(client.lines(), [
    "H(1) 0 created",
    "H(1) 1 created",
    "H(2) 0 [PUT \0@2]",
    "H(2) 1 [PUT \0@2]",
    "H(3) 1 [PUT \0\0@3]",
  ]);
});

test("a watcher from the past without events becomes synced silently (W5)", () => {
  const client = new Harness().open();
  client.create({ key: "foo", start: 1 });
  assert.deepEqual(client.lines(), ["H(1) 0 created"]);
  client.progress();
  assert.deepEqual(client.lines(), ["H(1) -1"]);
});

test("a watcher from the future waits, and there is no progress before it (W6)", () => {
  const harness = new Harness({ progressIntervalMs: 1000 });
  const client = harness.open();
  client.create({ key: "foo", start: 10, progressNotify: true });
  for (let i = 2; i <= 9; i++) harness.store.put("foo");
  client.progress();
  harness.clock.advance(5000);
  assert.deepEqual(client.lines(), ["H(1) 0 created"]);
  harness.store.put("foo");
  harness.store.put("other");
  assert.deepEqual(client.lines(), ["H(10) 0 [PUT foo@10]"]);
  client.progress();
  assert.deepEqual(client.lines(), ["H(11) -1"]);
});

test("progress is possible again when the watcher from the future has been cancelled", () => {
  const client = new Harness().open();
  client.create({ key: "foo", start: 10 });
  client.create({ key: "foo" });
  client.progress();
  client.cancel(0);
  client.progress();
  assert.deepEqual(client.lines(), ["H(1) 0 created", "H(1) 1 created", "H(1) 0 canceled", "H(1) -1"]);
});

test("the changes of a transaction come in one response in their order, live and from history (W7)", () => {
  const harness = new Harness();
  const live = harness.open();
  live.create({ key: "foo", end: "fop" });
  harness.store.write({ put: "foo2" }, { put: "foo0" }, { put: "foo1" });
  const late = harness.open();
  late.create({ key: "foo", end: "fop", start: 1 });
  const events = "[PUT foo2@2, PUT foo0@2, PUT foo1@2]";
  assert.deepEqual(live.lines(), ["H(1) 0 created", `H(2) 0 ${events}`]);
  assert.deepEqual(late.lines(), ["H(2) 0 created", `H(2) 0 ${events}`]);
});

test("deletes carry key and revision and nothing else (W8)", () => {
  const harness = new Harness();
  for (const key of ["a", "b", "c"]) harness.store.write({ put: key, lease: 5n });
  const client = harness.open();
  client.create({ key: "a", end: "\0" });
  harness.store.write({ delete: "a" }, { delete: "b" }, { delete: "c" });
  const [, response] = client.read();
  assert.deepEqual(
    response!.events,
    ["a", "b", "c"].map((key) => ({
      deleted: true,
      key,
      value: "",
      mod: 5,
      create: 0,
      version: 0,
      lease: 0n,
      prev: undefined,
    })),
  );
});

test("filters take out kinds of events, and both together all (W9)", () => {
  const harness = new Harness();
  const client = harness.open();
  client.create({ key: "foo", filters: [0, 0, 9] });
  client.create({ key: "foo", filters: [0, 1] });
  client.create({ key: "foo", start: 2, filters: [1] });
  harness.store.put("foo");
  harness.store.delete("foo");
  harness.store.write({ put: "foo" }, { put: "fop" });
  client.progress();
  assert.deepEqual(client.lines(), [
    "H(1) 0 created",
    "H(1) 1 created",
    "H(1) 2 created",
    "H(2) 2 [PUT foo@2]",
    "H(3) 0 [DELETE foo@3]",
    "H(4) 2 [PUT foo@4]",
    "H(4) -1",
  ]);
});

test("a batch of history that is filtered away sends nothing and leaves the watcher synced", () => {
  const harness = new Harness();
  harness.store.put("foo");
  const client = harness.open();
  client.create({ key: "foo", start: 1, filters: [0] });
  assert.deepEqual(client.lines(), ["H(2) 0 created"]);
  client.progress();
  assert.deepEqual(client.lines(), ["H(2) -1"]);
});

test("history comes in batches of 1000 revisions, both with the current revision (W10)", () => {
  const harness = new Harness();
  for (let i = 0; i < 1001; i++) harness.store.put("foo");
  const client = harness.open();
  client.create({ key: "foo", start: 1 });
  const seen = client.read();
  assert.deepEqual(
    seen.map(({ revision, events }) => [revision, events.length]),
    [
      [1002, 0],
      [1002, 1000],
      [1002, 1],
    ],
  );
});

test("revisions are counted, not events, and none is cut", () => {
  const harness = new Harness();
  for (let i = 0; i < 1001; i++) harness.store.write({ put: "a" }, { put: "b" }, { put: "c" });
  const client = harness.open();
  client.create({ key: "a", end: "z", start: 1 });
  assert.deepEqual(
    client.read().map(({ events }) => events.length),
    [0, 3000, 3],
  );
});

test("periodic progress goes to watchers that asked, and an event silences the next tick (W11)", () => {
  const harness = new Harness({ progressIntervalMs: 1000 });
  const client = harness.open();
  harness.clock.advance(300);
  client.create({ key: "foo", progressNotify: true });
  client.create({ key: "bar" });
  client.read();
  harness.clock.advance(650);
  assert.deepEqual(client.lines(), []);
  harness.clock.advance(100);
  assert.deepEqual(client.lines(), ["H(1) 0"]);
  harness.store.put("other");
  harness.clock.advance(1000);
  assert.deepEqual(client.lines(), ["H(2) 0"]);
  harness.store.put("foo");
  harness.store.put("bar");
  harness.clock.advance(1000);
  assert.deepEqual(client.lines(), ["H(3) 0 [PUT foo@3]", "H(4) 1 [PUT bar@4]"]);
  harness.clock.advance(1000);
  assert.deepEqual(client.lines(), ["H(4) 0"]);
  client.cancel(0);
  harness.clock.advance(5000);
  assert.deepEqual(client.lines(), ["H(4) 0 canceled"]);
});

test("large history is split for those who allow it and whole for the others (W12)", () => {
  const harness = new Harness();
  const value = "x".repeat(1_048_576);
  for (let i = 0; i < 10; i++) harness.store.put("foo", value);
  const client = harness.open();
  client.create({ key: "foo", start: 1, fragment: true });
  client.create({ key: "foo", start: 1 });
  const seen = client.read().filter(({ events }) => events.length > 0);
  const parts = seen.filter(({ id }) => id === 0n);
  assert.equal(parts.length, 10);
  assert.deepEqual(
    parts.map(({ fragment }) => fragment),
    [true, true, true, true, true, true, true, true, true, false],
  );
  const whole = seen.filter(({ id }) => id === 1n);
  assert.equal(whole.length, 1);
  assert.ok(whole[0]!.bytes > 10 * 1_048_576);
  assert.ok(parts.every(({ bytes }) => bytes < 2_097_152));
});

test("a step of history reads a bounded number of bytes, or one revision", () => {
  const harness = new Harness();
  const value = "x".repeat(200_000);
  for (let i = 0; i < 40; i++) harness.store.put("foo", value);
  harness.store.write({ put: "foo", value: "x".repeat(3_000_000) }, { put: "foo2", value });
  const client = harness.open();
  client.create({ key: "foo", end: "fop", start: 1 });
  const events = client.read().flatMap((seen) => seen.events);
  assert.deepEqual(
    events.map(({ mod }) => mod),
    [...Array.from({ length: 40 }, (_, i) => i + 2), 42, 42],
  );
  const { steps } = harness.store;
  const whole = steps.pop()!;
  assert.ok(whole.bytes > 3_200_000 && whole.bytes < 4_300_000, `${whole.bytes}`);
  assert.ok(steps.length >= 6, `${steps.length}`);
  for (const { bytes } of steps) assert.ok(bytes <= 1_048_576 + 210_000, `${bytes}`);
});

test("a response of history is cut at a revision once it is large, and nothing is read twice", () => {
  const harness = new Harness();
  const value = "x".repeat(1_000_000);
  for (let i = 0; i < 50; i++) harness.store.put("foo", value);
  const client = harness.open();
  client.create({ key: "foo", start: 1 });
  const seen = client.read().filter(({ events }) => events.length > 0);
  assert.deepEqual(
    seen.map(({ events }) => events.length),
    [17, 17, 16],
  );
  const read = harness.store.steps.reduce((total, { records }) => total + records, 0);
  assert.equal(read, 50);
});

test("previous values count towards the size of a response", () => {
  const harness = new Harness();
  const value = "x".repeat(1_000_000);
  for (let i = 0; i < 50; i++) {
    harness.store.put(`foo${i}`, value);
    harness.store.put(`foo${i}`, "small");
  }
  const client = harness.open();
  client.create({ key: "foo", end: "fop", start: 1, prevKv: true });
  const seen = client.read().filter(({ events }) => events.length > 0);
  const mods = seen.flatMap(({ events }) => events.map(({ mod }) => mod));
  assert.deepEqual(
    mods,
    Array.from({ length: 100 }, (_, i) => i + 2),
  );
  for (const { bytes } of seen) assert.ok(bytes < 19_000_000, `${bytes}`);
});

test("recent changes do not keep the previous values that a watcher has asked for", () => {
  const harness = new Harness();
  harness.store.put("foo", "x".repeat(1_000_000));
  const client = harness.open();
  client.create({ key: "foo" });
  harness.store.put("foo", "small");
  client.create({ key: "foo", start: 3, prevKv: true });
  assert.equal(client.read().at(-1)?.events[0]?.prev?.value.length, 1_000_000);
  const { recent } = harness.hub;
  assert.ok(recent.at(recent.length - 1).events[0]!.heldBytes < 1000);
});

test("permission is checked on the bytes as sent, and the stream lives on (W14, as far as the stream goes)", () => {
  const denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
  const harness = new Harness();
  const asked: string[] = [];
  const client = harness.open(({ key, rangeEnd }) => {
    asked.push(`${Buffer.from(key)} ${Buffer.from(rangeEnd).toString("hex")}`);
    return rangeEnd.length === 0 ? undefined : denied;
  });
  client.create({ key: "foo" });
  client.create({ key: "foo", end: "\0" });
  client.create({});
  harness.store.put("foo1");
  harness.store.put("foo");
  assert.deepEqual(client.lines(), [
    "H(1) 0 created",
    `H(1) -1 created canceled "${denied}"`,
    "H(1) 1 created",
    "H(3) 0 [PUT foo@3]",
  ]);
  assert.deepEqual(asked, ["foo ", "foo 00", "\0 "]);
});

test("keys of a revoked lease come sorted in one response with their previous values (W18)", () => {
  const harness = new Harness();
  for (const key of ["zz", "aa", "Zz"]) harness.store.write({ put: key, lease: 7n });
  const client = harness.open();
  client.create({ key: "\0", end: "\0", prevKv: true });
  harness.store.write({ delete: "Zz" }, { delete: "aa" }, { delete: "zz" });
  const [, response] = client.read();
  assert.equal(lineOf(response!), "H(5) 0 [DELETE Zz@5 prev@4, DELETE aa@5 prev@3, DELETE zz@5 prev@2]");
  assert.deepEqual(
    response!.events.map(({ prev }) => prev!.lease),
    [7n, 7n, 7n],
  );
});

test("the gauges come back to where they were, once for each watcher (W20)", () => {
  const harness = new Harness();
  const { metrics } = harness.hub;
  for (let i = 0; i < 5; i++) harness.store.put("foo");
  harness.store.compact(4);
  const held = harness.open();
  held.create({ key: "foo" });
  for (let i = 0; i < 100; i++) {
    const client = harness.open();
    client.create({ key: "foo" });
    client.create({ key: "foo", start: 1 });
    client.create({ key: "foo", start: 5 });
    if (i % 2 === 0) client.read();
    client.cancel(1);
    client.stream.close();
    client.stream.close();
  }
  harness.clock.settle();
  assert.deepEqual(
    { ...metrics, eventsTotal: 0 },
    {
      streams: 1,
      watchers: 1,
      slowWatchers: 0,
      eventsTotal: 0,
      pendingEvents: 0,
    },
  );
  assert.equal(harness.store.openScans, 0);
});

test("only the watcher that asked for previous values gets them (W21)", () => {
  const harness = new Harness();
  harness.store.put("foo", "a");
  const one = harness.open();
  const other = harness.open();
  one.create({ key: "foo" });
  one.create({ key: "foo", prevKv: true });
  other.create({ key: "foo", prevKv: true });
  other.create({ key: "foo" });
  harness.store.put("foo", "b");
  harness.store.write({ put: "foo", value: "c" }, { put: "bar" });
  assert.deepEqual(one.lines(), [
    "H(2) 0 created",
    "H(2) 1 created",
    "H(3) 0 [PUT foo@3]",
    "H(3) 1 [PUT foo@3 prev@2]",
    "H(4) 0 [PUT foo@4]",
    "H(4) 1 [PUT foo@4 prev@3]",
  ]);
  assert.deepEqual(other.lines(), [
    "H(2) 0 created",
    "H(2) 1 created",
    "H(3) 0 [PUT foo@3 prev@2]",
    "H(3) 1 [PUT foo@3]",
    "H(4) 0 [PUT foo@4 prev@3]",
    "H(4) 1 [PUT foo@4]",
  ]);
});

test("ids: the client's are taken as given, the server's skip what is in use (W22)", () => {
  const client = new Harness().open();
  client.create({ key: "a", id: 1 });
  client.create({ key: "a", id: 1 });
  client.create({ key: "a" });
  client.create({ key: "a" });
  client.create({ key: "a", id: -1 });
  client.create({ key: "a", id: -(2n ** 63n) });
  client.cancel(1);
  client.create({ key: "a", id: 1 });
  client.create({ key: "a", id: 2n ** 63n - 1n });
  assert.deepEqual(client.lines(), [
    "H(1) 1 created",
    `H(1) -1 created canceled ${DUPLICATE}`,
    "H(1) 0 created",
    "H(1) 2 created",
    "H(1) -1 created",
    "H(1) -9223372036854775808 created",
    "H(1) 1 canceled",
    "H(1) 1 created",
    "H(1) 9223372036854775807 created",
  ]);
});

test("a start revision near the end of int64 is a future one", () => {
  const harness = new Harness();
  const client = harness.open();
  client.create({ key: "foo", start: 2n ** 63n - 3n });
  harness.store.put("foo");
  assert.deepEqual(client.lines(), ["H(1) 0 created"]);
});

test("the delete at the compaction revision is still delivered", () => {
  const harness = new Harness();
  const { store } = harness;
  for (let i = 0; i < 3; i++) store.put("foo");
  store.delete("foo");
  store.put("foo");
  store.compact(5);
  const client = harness.open();
  client.create({ key: "foo", start: 5 });
  assert.deepEqual(client.lines(), ["H(6) 0 created", "H(6) 0 [DELETE foo@5, PUT foo@6]"]);
});

test("a compacted watcher holds its id until it is cancelled", () => {
  const harness = new Harness();
  for (let i = 0; i < 5; i++) harness.store.put("foo");
  harness.store.compact(4);
  const client = harness.open();
  client.create({ key: "foo", start: 1, id: 9 });
  assert.deepEqual(client.lines(), ["H(6) 9 created", "H(0) 9 canceled compacted 4"]);
  assert.equal(harness.hub.metrics.watchers, 1);
  client.create({ key: "foo", id: 9 });
  client.cancel(9);
  client.cancel(9);
  client.create({ key: "foo", id: 9 });
  assert.deepEqual(client.lines(), [
    `H(6) -1 created canceled ${DUPLICATE}`,
    "H(6) 9 canceled",
    "H(6) 9 created",
  ]);
});

test("progress asks nothing of a stream without watchers", () => {
  const client = new Harness().open();
  client.progress();
  assert.deepEqual(client.lines(), []);
});

test("requests without a known member are ignored, undecodable ones end the stream", () => {
  const client = new Harness().open();
  client.stream.receive(new Uint8Array(0));
  client.stream.receive(Uint8Array.of(0x22, 0x00));
  assert.equal(client.sink.ended, undefined);
  client.stream.receive(Uint8Array.of(0x0a, 0x05, 0x01));
  assert.equal(client.sink.ended!.code, 13);
  client.create({ key: "foo" });
  assert.deepEqual(client.lines(), []);
});

test("a stream that waits for a full sink stops reading requests and answers all of them in order", () => {
  const client = new Harness().open();
  client.sink.capacity = 1;
  for (let i = 0; i < 40; i++) client.create({ key: "foo" });
  assert.equal(client.sink.messages.length, 1);
  assert.equal(client.sink.readingPaused, true);
  assert.deepEqual(
    client.lines(),
    Array.from({ length: 40 }, (_, id) => `H(1) ${id} created`),
  );
  assert.equal(client.sink.readingPaused, false);
});

test("a failpoint holds up the events of a stream, not the answers' order", () => {
  let waitMs = 50;
  const harness = new Harness({ beforeSend: () => waitMs });
  const client = harness.open();
  client.create({ key: "foo" });
  harness.store.put("foo");
  client.create({ key: "bar" });
  harness.store.put("foo");
  assert.deepEqual(client.lines(), ["H(1) 0 created"]);
  harness.clock.advance(49);
  assert.deepEqual(client.lines(), []);
  waitMs = 0;
  harness.clock.advance(1);
  assert.deepEqual(client.lines(), ["H(2) 0 [PUT foo@2]", "H(2) 1 created", "H(3) 0 [PUT foo@3]"]);
});

/** From the specification: cluster id 1, member id 2, term 3. */
const REFUSED_RANGE = "0a08080110021806200310ffffffffffffffffff0118012001321c";
const VECTORS: { name: string; act: (harness: Harness, client: Client) => void; want: string }[] = [
  {
    name: "created",
    act: (harness, client) => {
      for (let i = 0; i < 5; i++) harness.store.put("foo");
      client.create({ key: "foo" });
    },
    want: "0a08080110021806200318 01",
  },
  {
    name: "created with an id",
    act: (harness, client) => {
      for (let i = 0; i < 5; i++) harness.store.put("foo");
      client.create({ key: "foo", id: 5 });
    },
    want: "0a0808011002180620031005 1801",
  },
  {
    name: "canceled",
    act: (harness, client) => {
      for (let i = 0; i < 5; i++) harness.store.put("foo");
      client.create({ key: "foo" });
      client.cancel(0);
    },
    want: "0a080801100218062003 2001",
  },
  {
    name: "compacted",
    act: (harness, client) => {
      for (let i = 0; i < 5; i++) harness.store.put("foo");
      harness.store.compact(4);
      client.create({ key: "foo", id: 5, start: 2 });
    },
    want: "0a06080110022003 1005 2001 2804",
  },
  {
    name: "requested progress",
    act: (harness, client) => {
      for (let i = 0; i < 6; i++) harness.store.put("foo");
      client.create({ key: "foo" });
      client.progress();
    },
    want: "0a080801100218072003 10ffffffffffffffffff01",
  },
  {
    name: "put",
    act: (harness, client) => {
      client.create({ key: "foo" });
      harness.store.put("foo", "bar");
    },
    want: "0a080801100218022003 5a12 1210 0a03666f6f 1002 1802 2001 2a03626172",
  },
  {
    name: "delete",
    act: (harness, client) => {
      harness.store.put("foo", "bar");
      client.create({ key: "foo" });
      harness.store.delete("foo");
    },
    want: "0a080801100218032003 5a0b 0801 1207 0a03666f6f 1803",
  },
  {
    name: "refused",
    act: (harness, client) => {
      for (let i = 0; i < 5; i++) harness.store.put("foo");
      client.create({ key: "foo", end: "foa" });
    },
    want: REFUSED_RANGE + Buffer.from("mvcc: watcher range is empty").toString("hex"),
  },
];
for (const { name, act, want } of VECTORS) {
  test(`bytes of a response: ${name}`, () => {
    const harness = new Harness();
    const client = harness.open();
    act(harness, client);
    harness.clock.settle();
    const message = client.sink.messages.at(-1)!;
    assert.equal(Buffer.from(message).toString("hex"), want.replaceAll(" ", ""));
    decode(WatchResponseSchema, message);
  });
}
