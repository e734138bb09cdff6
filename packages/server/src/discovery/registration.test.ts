import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import { silentLogger } from "../log/logger.ts";
import { Registration } from "./registration.ts";
import type { RegistryEntry, RegistryStore } from "./registry.ts";

const SIZE = "/_etcd/registry/t/_config/size";
const keyOf = (id: string) => `/_etcd/registry/t/members/${id}`;
const infoOf = (id: string) => `${id}=http://${id}:2380`;

/** A discovery service in memory, whose answers a test can take away. */
class FakeService implements RegistryStore {
  readonly keys = new Map<string, RegistryEntry>();
  /** So many requests fail from now on. */
  failures = 0;
  requests = 0;
  watches = 0;
  #revision = 1n;
  #breaks: (() => void)[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(size: string | undefined, ...ids: string[]) {
    if (size !== undefined) this.write(SIZE, size);
    for (const id of ids) this.write(keyOf(id), infoOf(id));
  }

  write(key: string, value: string): void {
    this.#revision++;
    const createRevision = this.keys.get(key)?.createRevision ?? this.#revision;
    this.keys.set(key, { key, value, createRevision });
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async get(key: string): Promise<string | undefined> {
    this.#answer();
    return this.keys.get(key)?.value;
  }

  async list(prefix: string) {
    this.#answer();
    // The last one first: it is for whoever asks to put them in order.
    const entries = [...this.keys.values()].filter(({ key }) => key.startsWith(prefix)).reverse();
    return { revision: this.#revision, entries };
  }

  async put(key: string, value: string): Promise<void> {
    this.#answer();
    this.write(key, value);
  }

  async *changes(prefix: string, fromRevision: bigint): AsyncIterable<readonly RegistryEntry[]> {
    this.watches++;
    const broken = new Promise<never>((_resolve, reject) => {
      this.#breaks.push(() => reject(new Error("connection lost")));
    });
    for (let next = fromRevision; ; ) {
      const from = next;
      next = this.#revision + 1n;
      const entries = [...this.keys.values()].filter(
        ({ key, createRevision }) => key.startsWith(prefix) && createRevision >= from,
      );
      if (entries.length > 0) yield entries;
      else await Promise.race([this.#changed.promise, broken]);
    }
  }

  breakWatches(): void {
    for (const end of this.#breaks.splice(0)) end();
  }

  close(): void {}

  #answer(): void {
    this.requests++;
    if (this.failures > 0) {
      this.failures--;
      throw new Error("no answer");
    }
  }
}

function register(store: RegistryStore, id: string, clock = new ManualClock()) {
  const stop = new AbortController();
  const { signal } = stop;
  const options = { store, token: "t", id, member: infoOf(id), clock, log: silentLogger, signal };
  return { done: new Registration(options).run(), stop, clock };
}

const refusals = [
  { name: "nobody has written how many members there are", size: undefined, want: "size key not found" },
  { name: "there are to be none", size: "0", want: "size key is bad" },
  { name: "there are to be fewer than none", size: "-1", want: "size key is bad" },
  { name: "that is no number", size: "three", want: "size key is bad" },
  { name: "that is no whole number", size: "3.5", want: "size key is bad" },
  { name: "all are there", size: "2", want: "cluster is full" },
];
for (const { name, size, want } of refusals) {
  test(`a token is refused when ${name}`, async () => {
    const service = new FakeService(size, "a", "b");
    await assert.rejects(register(service, "c").done, new Error(`discovery: ${want}`));
    assert.equal(service.keys.has(keyOf("c")), false);
  });
}

test("members wait for each other, and all get the same", async () => {
  const service = new FakeService("3");
  const first = register(service, "c");
  await until(() => service.watches === 1);
  assert.deepEqual(service.keys.get(keyOf("c"))?.value, "c=http://c:2380");
  const others = [register(service, "b"), register(service, "a")];
  const [want, ...rest] = await Promise.all([first, ...others].map(({ done }) => done));
  assert.ok(want!.startsWith("c=http://c:2380,"), want);
  assert.deepEqual(want!.split(",").sort(), [infoOf("a"), infoOf("b"), infoOf("c")]);
  assert.deepEqual(rest, [want, want]);
});

test("who has registered before is one of them when it comes again, also when they are complete", async () => {
  const service = new FakeService("2", "b", "a");
  assert.equal(await register(service, "a").done, "b=http://b:2380,a=http://a:2380");
});

test("of more than there are to be, the first ones are the cluster", async () => {
  const service = new FakeService("2", "b", "a", "c");
  assert.equal(await register(service, "b").done, "b=http://b:2380,a=http://a:2380");
});

test("what is no member is passed over", async () => {
  const service = new FakeService("2", "b");
  service.write(keyOf("x"), "nothing");
  service.write(keyOf("a"), infoOf("a"));
  assert.equal(await register(service, "a").done, "b=http://b:2380,a=http://a:2380");
});

/** Notes how long each pause is to be, which is over in the next turn. */
class NotedPauses extends ManualClock {
  readonly pausesMs: number[] = [];

  override setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    this.pausesMs.push(delayMs);
    setImmediate(() => this.advance(delayMs));
    return super.setTimer(delayMs, callback);
  }
}

test("a service that does not answer is asked again, after pauses that grow to 256 s", async () => {
  const service = new FakeService("1");
  service.failures = 10;
  const clock = new NotedPauses();
  assert.equal(await register(service, "a", clock).done, infoOf("a"));
  assert.deepEqual(
    clock.pausesMs,
    [2, 4, 8, 16, 32, 64, 128, 256, 256, 256].map((seconds) => seconds * 1_000),
  );
});

test("a registration that gets no answer is made again", async () => {
  const service = new FakeService("1");
  const write = service.put.bind(service);
  let puts = 0;
  service.put = async (key, value) => {
    if (++puts < 3) throw new Error("no answer");
    return write(key, value);
  };
  const clock = new NotedPauses();
  assert.equal(await register(service, "a", clock).done, infoOf("a"));
  assert.deepEqual(clock.pausesMs, [2_000, 4_000]);
});

test("a watch that breaks off is followed by a look at who is there", async () => {
  const service = new FakeService("2");
  const { done, clock } = register(service, "a");
  await until(() => service.watches === 1);
  service.breakWatches();
  await until(() => clock.timerCount === 1);
  service.write(keyOf("b"), infoOf("b"));
  clock.advance(2_000);
  assert.equal(await done, "a=http://a:2380,b=http://b:2380");
});

test("a member that is stopped does not wait any longer for the service", async () => {
  const service = new FakeService("1");
  service.failures = Number.POSITIVE_INFINITY;
  const { done, stop, clock } = register(service, "a");
  await until(() => clock.timerCount === 1);
  stop.abort(new Error("stopped"));
  await assert.rejects(done, new Error("stopped"));
  assert.equal(clock.timerCount, 0);
});
