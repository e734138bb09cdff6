import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, Code } from "@quorate/client";
import { CuttingProxy } from "@quorate/testkit/cutting-proxy";
import { Server } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { metricOf, RawWatch, startProxy } from "../testing.ts";

const TIMEOUT = { timeout: 240_000 };
const PATIENT = { requestTimeoutMs: 120_000, connectTimeoutMs: 30_000 };
const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const UPSTREAM_WATCHES = "quorate_grpc_proxy_upstream_watches";

let server: Server;
let direct: Client;
before(async () => {
  server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  direct = new Client({ endpoints: [server.endpoint], ...PATIENT });
});
after(async () => {
  direct.close();
  await server.stop();
});

const put = async (key: string, value: Uint8Array | string = "x") =>
  Number((await direct.kv.put({ key, value })).header!.revision);

test("watchers of the same keys share one watch of a member, wherever they begin", TIMEOUT, async (t) => {
  const started = await startProxy(t, [server.endpoint]);
  const first = await put("shared/a");
  await put("shared/a");
  using one = await RawWatch.open(started.endpoint);
  using other = await RawWatch.open(started.endpoint);
  one.ask({ createRequest: { key: "shared/a" } });
  await until(() => one.responses.length === 1);
  for (const startRevision of [0, 0, first, first + 1]) {
    other.ask({ createRequest: { key: "shared/a", startRevision } });
  }
  await until(() => other.responses.filter(({ created }) => created).length === 4);
  assert.deepEqual(
    other.responses.filter(({ created }) => created).map(({ watchId }) => watchId),
    [0n, 1n, 2n, 3n],
  );
  const last = await put("shared/a");
  await until(() => other.revisionsOf(3n).at(-1) === last && other.revisionsOf(2n).at(-1) === last);
  await until(async () => (await metricOf(started, UPSTREAM_WATCHES)) === 1);
  assert.equal(await metricOf(started, "etcd_grpc_proxy_watchers_coalescing_total"), 4);
  assert.deepEqual(one.revisionsOf(0n), [last]);
  assert.deepEqual(
    [0n, 1n, 2n, 3n].map((id) => other.revisionsOf(id)),
    [[last], [last], [first, first + 1, last], [first + 1, last]],
  );
  const again = await put("shared/a");
  await until(() => [0n, 1n, 2n, 3n].every((id) => other.revisionsOf(id).at(-1) === again));
  assert.ok((await metricOf(started, "etcd_grpc_proxy_events_coalescing_total")) >= 4);
});

test("filters, previous values and the header are each watcher's own", TIMEOUT, async (t) => {
  const { endpoint } = await startProxy(t, [server.endpoint]);
  await put("own/a", "1");
  using watch = await RawWatch.open(endpoint);
  for (const init of [{}, { prevKv: true }, { filters: [0] }, { filters: [1], prevKv: true }]) {
    watch.ask({ createRequest: { key: "own/", rangeEnd: "own0", ...init } });
  }
  await until(() => watch.responses.length === 4);
  await put("own/a", "2");
  const { header } = await direct.kv.deleteRange({ key: "own/a" });
  const seen = (id: bigint) =>
    watch.responses
      .filter(({ watchId, events }) => watchId === id && events.length > 0)
      .flatMap(({ events }) =>
        events.map(({ type, prevKv }) => [type, prevKv && Buffer.from(prevKv.value).toString()]),
      );
  await until(
    () => seen(0n).length === 2 && seen(1n).length === 2 && seen(2n).length === 1 && seen(3n).length === 1,
  );
  assert.deepEqual([0n, 1n, 2n, 3n].map(seen), [
    [
      [0, undefined],
      [1, undefined],
    ],
    [
      [0, "1"],
      [1, "2"],
    ],
    [[1, undefined]],
    [[0, "1"]],
  ]);
  assert.equal(
    watch.responses.findLast(({ watchId }) => watchId === 1n)!.header!.clusterId,
    header!.clusterId,
  );
});

test(
  "IDs are those that a client wants, and refusals are told as a member tells them",
  TIMEOUT,
  async (t) => {
    const { endpoint } = await startProxy(t, [server.endpoint]);
    using watch = await RawWatch.open(endpoint);
    for (const init of [
      { key: "ids", watchId: 1 },
      { key: "ids", watchId: 1 },
      { key: "ids" },
      { key: "ids" },
      { key: "ids", startRevision: -1 },
      { key: "ids", rangeEnd: "ids" },
    ]) {
      watch.ask({ createRequest: init });
    }
    await until(() => watch.responses.length === 6);
    assert.deepEqual(
      watch.responses.map(({ watchId, created, canceled, cancelReason }) => [
        watchId,
        created,
        canceled,
        cancelReason,
      ]),
      [
        [1n, true, false, ""],
        [-1n, true, true, "mvcc: duplicate watch ID provided on the WatchStream"],
        [0n, true, false, ""],
        [2n, true, false, ""],
        [-1n, true, true, COMPACTED],
        [-1n, true, true, "mvcc: watcher range is empty"],
      ],
    );
    watch.ask({ cancelRequest: { watchId: 7 } });
    watch.ask({ cancelRequest: { watchId: 2 } });
    watch.ask({ cancelRequest: { watchId: 2 } });
    watch.ask({ createRequest: { key: "ids", watchId: 2 } });
    await until(() => watch.responses.length === 8);
    assert.deepEqual(
      watch.responses.slice(6).map(({ watchId, canceled }) => [watchId, canceled]),
      [
        [2n, true],
        [2n, false],
      ],
    );
  },
);

test("a message that is none ends the call, and nothing else", TIMEOUT, async (t) => {
  const started = await startProxy(t, [server.endpoint]);
  using watch = await RawWatch.open(started.endpoint);
  using other = await RawWatch.open(started.endpoint);
  other.ask({ createRequest: { key: "bad" } });
  await until(() => other.responses.length === 1);
  watch.sendBytes(Buffer.from([0x0a, 0xff]));
  await until(() => watch.ended !== undefined);
  assert.equal(watch.ended?.code, Code.INTERNAL);
  const revision = await put("bad");
  await until(() => other.revisionsOf(0n).at(-1) === revision);
  assert.deepEqual(started.lines, []);
});

test("who asks how far it is gets one answer behind all events", TIMEOUT, async (t) => {
  const { endpoint } = await startProxy(t, [server.endpoint]);
  using watch = await RawWatch.open(endpoint);
  watch.ask({ progressRequest: {} });
  watch.ask({ createRequest: { key: "progress/a" } });
  watch.ask({ createRequest: { key: "progress/b" } });
  await until(() => watch.responses.length === 2);
  await put("progress/a");
  const last = await put("progress/b");
  const marks = () => watch.responses.filter(({ watchId }) => watchId === -1n);
  // A member says nothing while it is not sure.
  await until(() => {
    if (marks().length === 0) watch.ask({ progressRequest: {} });
    return marks().some(({ header }) => Number(header!.revision) >= last);
  });
  const mark = watch.responses.findIndex(
    ({ watchId, header }) => watchId === -1n && Number(header!.revision) >= last,
  );
  const before = watch.responses.slice(0, mark).flatMap(({ events }) => events);
  assert.deepEqual(
    before.map(({ kv }) => Number(kv!.modRevision)),
    [last - 1, last],
  );
});

test("a watcher that begins before a compaction is told, once it has begun", TIMEOUT, async (t) => {
  const { endpoint } = await startProxy(t, [server.endpoint]);
  const first = await put("compact/a");
  const last = await put("compact/a");
  using watch = await RawWatch.open(endpoint);
  watch.ask({ createRequest: { key: "compact/a" } });
  await until(() => watch.responses.length === 1);
  await direct.kv.compact({ revision: last });
  watch.ask({ createRequest: { key: "compact/a", startRevision: first } });
  watch.ask({ createRequest: { key: "compact/a", startRevision: last } });
  await until(() => watch.responses.some(({ canceled }) => canceled) && watch.revisionsOf(2n).length === 1);
  const [created, canceled] = watch.responses.filter(({ watchId }) => watchId === 1n);
  assert.deepEqual(
    [created?.created, canceled?.canceled, canceled?.compactRevision],
    [true, true, BigInt(last)],
  );
  const next = await put("compact/a");
  await until(() => watch.revisionsOf(0n).length === 1 && watch.revisionsOf(2n).length === 2);
  assert.deepEqual([watch.revisionsOf(0n), watch.revisionsOf(2n)], [[next], [last, next]]);
});

test("large answers come in parts to those who want that", TIMEOUT, async (t) => {
  const { endpoint } = await startProxy(t, [server.endpoint]);
  const first = await put("parts/a", Buffer.alloc(1_000_000));
  for (let i = 0; i < 4; i++) await put("parts/a", Buffer.alloc(1_000_000));
  using watch = await RawWatch.open(endpoint);
  watch.ask({ createRequest: { key: "parts/a", startRevision: first, fragment: true } });
  await until(() => watch.revisionsOf(0n).length === 5);
  assert.deepEqual(
    watch.revisionsOf(0n),
    Array.from({ length: 5 }, (_, i) => first + i),
  );
  const parts = watch.responses.filter(({ events }) => events.length > 0);
  assert.deepEqual([parts[0]?.fragment, parts.at(-1)?.fragment], [true, false]);
  for (const { events } of parts) assert.ok(events.length <= 2);
});

test(
  "who reads slowly holds up nobody, costs little memory, and gets everything once",
  TIMEOUT,
  async (t) => {
    const started = await startProxy(t, [server.endpoint]);
    using slow = await RawWatch.open(started.endpoint);
    using quick = await RawWatch.open(started.endpoint);
    for (const watch of [slow, quick]) {
      watch.ask({ createRequest: { key: "slow/", rangeEnd: "slow0" } });
      await until(() => watch.responses.length === 1);
    }
    slow.pause();
    const value = Buffer.alloc(200_000, 7);
    const revisions: number[] = [];
    let mostQueued = 0;
    for (let i = 0; i < 60; i++) {
      revisions.push(await put(`slow/${i % 10}`, value));
      mostQueued = Math.max(mostQueued, await metricOf(started, "quorate_grpc_proxy_watch_queued_bytes"));
    }
    await until(() => quick.revisionsOf(0n).length === revisions.length);
    assert.deepEqual(quick.revisionsOf(0n), revisions);
    assert.ok(slow.revisionsOf(0n).length < revisions.length);
    // Of 12 MB that it has not taken.
    assert.ok(mostQueued < 4_000_000, `${mostQueued}`);
    slow.resume();
    await until(() => slow.revisionsOf(0n).at(-1) === revisions.at(-1));
    assert.deepEqual(slow.revisionsOf(0n), revisions);
  },
);

testWithSeed(
  "whatever becomes of connections, every watcher gets each change once and in order",
  TIMEOUT,
  async (seed, t) => {
    const random = new SeededRandom(seed);
    // Two ways to the member, of which one at a time may be gone.
    const networks = [await CuttingProxy.to(server.clientPort), await CuttingProxy.to(server.clientPort)];
    t.after(() => networks.forEach((network) => void network[Symbol.dispose]()));
    const { endpoint } = await startProxy(
      t,
      networks.map((network) => network.endpoint),
    );
    const from = await put("cut/0");
    const watches = await Promise.all(Array.from({ length: 4 }, () => RawWatch.open(endpoint)));
    t.after(() => watches.forEach((watch) => void watch[Symbol.dispose]()));
    const written: number[] = [from];
    const started: { readonly watch: RawWatch; readonly id: bigint; readonly startRevision: number }[] = [];
    for (let round = 0; round < 60; round++) {
      const chance = random.below(10);
      if (chance < 2) {
        const lost = random.below(2);
        networks[lost]!.refusing = true;
        networks[1 - lost]!.refusing = false;
        networks[lost]!.cut();
      } else if (chance < 4) {
        const watch = watches[random.below(watches.length)]!;
        const id = BigInt(started.length + 1);
        const startRevision = from + random.below(written.at(-1)! - from + 2);
        watch.ask({ createRequest: { key: "cut/", rangeEnd: "cut0", startRevision, watchId: id } });
        started.push({ watch, id, startRevision });
      } else if (chance < 5) {
        const watch = watches[random.below(watches.length)]!;
        if (random.below(2) === 0) watch.pause();
        else watch.resume();
      } else {
        const bytes = random.below(3) === 0 ? 400_000 : 10;
        written.push(await put(`cut/${random.below(5)}`, Buffer.alloc(bytes)));
      }
    }
    for (const watch of watches) watch.resume();
    written.push(await put("cut/end"));
    for (const { watch, id, startRevision } of started) {
      await until(() => watch.revisionsOf(id).at(-1) === written.at(-1));
      assert.deepEqual(
        watch.revisionsOf(id),
        written.filter((revision) => revision >= startRevision),
      );
    }
  },
);
