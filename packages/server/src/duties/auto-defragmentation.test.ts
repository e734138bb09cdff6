import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManualClock } from "@quorate/testkit/clock";
import { ClusterHarness, LOCAL_ID, testMember } from "../api/cluster-context.testing.ts";
import { type DefragmentationTime, ScheduledDefragmentation } from "../api/scheduled-defragmentation.ts";
import { silentLogger } from "../log/logger.ts";
import { AutoDefragmentation } from "./auto-defragmentation.ts";

const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;

/** What another member says when it is asked. */
type Script = (method: string, asked: number) => { status?: number; text?: string };

const says = (running: boolean, outcome: string) => ({
  text: JSON.stringify({ running, outcome, sizeBefore: 100, size: 40 }),
});
/** Takes as many questions as it is told. */
const takes =
  (questions: number, outcome = "defragmented"): Script =>
  (method, asked) =>
    says(method === "POST" || asked <= questions, outcome);
const isDown: Script = () => {
  throw new Error("connection refused");
};

class KeptTime implements DefragmentationTime {
  readonly #clock: ManualClock;
  lastMs: number;

  constructor(clock: ManualClock, lastMs: number) {
    this.#clock = clock;
    this.lastMs = lastMs;
  }

  isNow(): void {
    this.lastMs = this.#clock.nowMs();
  }
}

/** The leader of three members, with a log of what happens; of its own file three quarters are free. */
class Leader {
  readonly cluster = new ClusterHarness([testMember(1), testMember(2), testMember(3)]);
  readonly happened: string[] = [];
  readonly scripts = new Map<string, Script>([
    ["10.0.0.2", takes(0)],
    ["10.0.0.3", takes(0)],
  ]);
  readonly #asked = new Map<string, number>();
  readonly defragmentation: ScheduledDefragmentation;
  readonly duty: AutoDefragmentation;
  sizes = { sizeBytes: 100, sizeInUseBytes: 25 };

  /** `lastMs`: its last turn, if that was in an earlier life. */
  constructor({
    intervalMs = HOUR_MS,
    freePercent = 50,
    lastMs,
  }: { intervalMs?: number; freePercent?: number; lastMs?: number } = {}) {
    const { clock, context, peers } = this.cluster;
    const { sizes } = this;
    const backend = {
      counts: { defragmenting: 0, defragmentSeconds: { observe: () => {} } },
      get sizeBytes() {
        return sizes.sizeBytes;
      },
      get sizeInUseBytes() {
        return sizes.sizeInUseBytes;
      },
      defragment: async () => {
        this.happened.push("itself");
        sizes.sizeBytes = sizes.sizeInUseBytes;
      },
    };
    const say = (message: string, fields: Record<string, unknown> = {}) => {
      const id = fields["member-id"];
      if (id === undefined) return;
      const outcome = fields.outcome === undefined ? message.replace(/^.*[:,] /, "") : fields.outcome;
      this.happened.push(`${id}: ${outcome}`);
    };
    const log = { ...silentLogger, info: say, warn: say };
    const time = lastMs === undefined ? undefined : new KeptTime(clock, lastMs);
    this.defragmentation = new ScheduledDefragmentation(
      { backend: backend as never, clock, log: silentLogger },
      time,
    );
    peers.answer = (url, { method }) => {
      const { hostname } = new URL(url);
      this.happened.push(`${method} ${hostname.at(-1)}`);
      const asked = (this.#asked.get(hostname) ?? 0) + (method === "GET" ? 1 : 0);
      this.#asked.set(hostname, asked);
      return this.scripts.get(hostname)!(method, asked);
    };
    this.duty = new AutoDefragmentation({
      ...context,
      config: { ...context.config, autoDefragmentation: { intervalMs, freePercent } },
      defragmentation: this.defragmentation,
      log,
    });
    this.duty.start();
  }

  async pass(ms: number, stepMs = SECOND_MS): Promise<void> {
    await this.cluster.advance(ms, stepMs);
  }
}

test("when the interval has passed members have their turns one after another, the leader last", async () => {
  const leader = new Leader();
  leader.scripts.set("10.0.0.2", takes(2));
  await leader.pass(HOUR_MS - 60_000, 60_000);
  assert.deepEqual(leader.happened, []);
  await leader.pass(60_000);
  await leader.pass(10_000);
  assert.deepEqual(leader.happened, [
    "POST 2",
    "GET 2",
    "GET 2",
    "GET 2",
    "2: defragmented",
    "POST 3",
    "GET 3",
    "3: defragmented",
    "itself",
    "1: defragmented",
  ]);
  const { request } = leader.cluster.peers.asked[0]!;
  assert.equal(request.path, "/maintenance/defragment");
  assert.equal(request.body, '{"freePercent":50}');
});

test("the next one begins when the interval has passed again", async () => {
  const leader = new Leader();
  await leader.pass(HOUR_MS, 60_000);
  await leader.pass(10_000);
  const { length } = leader.happened;
  await leader.pass(HOUR_MS - 120_000, 60_000);
  assert.equal(leader.happened.length, length);
  await leader.pass(180_000, SECOND_MS);
  assert.equal(leader.happened[length], "POST 2");
});

test("a leader that has started again goes by its last turn before that", async () => {
  const leader = new Leader({ lastMs: -HOUR_MS / 2 });
  await leader.pass(HOUR_MS / 2 - 180_000, 60_000);
  assert.deepEqual(leader.happened, []);
  await leader.pass(180_000);
  assert.equal(leader.happened[0], "POST 2");
  assert.equal(leader.happened.at(-1), "1: defragmented");
  const { length } = leader.happened;
  await leader.pass(HOUR_MS - 180_000, 60_000);
  assert.equal(leader.happened.length, length);
});

const others: { name: string; script: Script; want: string[] }[] = [
  { name: "one that is down is left out", script: isDown, want: ["2: it does not answer"] },
  {
    name: "an etcd is left out",
    script: () => ({ status: 404, text: "404 page not found\n" }),
    want: ["2: it does not know of such"],
  },
  {
    name: "what answers something else is left out",
    script: () => ({ text: "{}" }),
    want: ["2: it does not answer"],
  },
  {
    name: "one whose file is not worth it is asked and no more",
    script: () => says(false, "not worth it"),
    want: ["2: not worth it"],
  },
  { name: "one that fails is told of", script: takes(0, "failed"), want: ["GET 2", "2: failed"] },
  {
    name: "one that has started again meanwhile does not go on",
    script: (method) => says(method === "POST", "none"),
    want: ["GET 2", "2: unknown"],
  },
];
for (const { name, script, want } of others) {
  test(`${name}, and the others have their turns`, async () => {
    const leader = new Leader();
    leader.scripts.set("10.0.0.2", script);
    await leader.pass(HOUR_MS, 60_000);
    await leader.pass(10_000);
    assert.deepEqual(leader.happened, [
      "POST 2",
      ...want,
      "POST 3",
      "GET 3",
      "3: defragmented",
      "itself",
      "1: defragmented",
    ]);
  });
}

test("one that goes away in its turn is waited for a while, and not for ever", async () => {
  const leader = new Leader();
  leader.scripts.set("10.0.0.2", (method) => (method === "POST" ? says(true, "none") : isDown("GET", 1)));
  await leader.pass(HOUR_MS, 60_000);
  await leader.pass(60_000);
  assert.equal(leader.happened.filter((each) => each === "GET 2").length, 30);
  assert.deepEqual(leader.happened.slice(-4), ["GET 3", "3: defragmented", "itself", "1: defragmented"]);
});

test("one that never ends is waited for six hours", async () => {
  const leader = new Leader({ intervalMs: 24 * HOUR_MS });
  leader.scripts.set("10.0.0.2", () => says(true, "none"));
  await leader.pass(24 * HOUR_MS, 60_000);
  await leader.pass(5.9 * HOUR_MS, 30_000);
  assert.ok(!leader.happened.includes("POST 3"));
  await leader.pass(0.2 * HOUR_MS, 30_000);
  assert.ok(leader.happened.includes("POST 3"));
});

test("a member that does not lead asks nobody, and goes by when it had its own turn when it does", async () => {
  const member = new Leader();
  member.cluster.consensus.leader = 2n;
  await member.pass(HOUR_MS - 60_000, 60_000);
  await member.defragmentation.run(50);
  member.happened.length = 0;
  await member.pass(120_000);
  member.cluster.consensus.leader = LOCAL_ID;
  await member.pass(HOUR_MS - 180_000, 60_000);
  assert.deepEqual(member.happened, []);
  await member.pass(120_000);
  assert.equal(member.happened[0], "POST 2");
});

test("a leader that is replaced in the middle asks nobody any more", async () => {
  const leader = new Leader();
  leader.scripts.set("10.0.0.2", takes(5));
  await leader.pass(HOUR_MS, 60_000);
  await leader.pass(2_000);
  leader.cluster.consensus.leader = 3n;
  await leader.pass(60_000);
  assert.ok(!leader.happened.includes("POST 3"));
  assert.ok(!leader.happened.includes("itself"));
});

test("a member that ends asks nobody any more", async () => {
  const leader = new Leader();
  leader.scripts.set("10.0.0.2", takes(5));
  await leader.pass(HOUR_MS, 60_000);
  leader.duty.stop();
  const { length } = leader.happened;
  await leader.pass(2 * HOUR_MS, 60_000);
  assert.equal(leader.happened.length, length);
});

const files = [
  { name: "a file of which enough is free is defragmented", free: 50, outcome: "defragmented" },
  { name: "a file of which less is free is left as it is", free: 49, outcome: "not worth it" },
];
for (const { name, free, outcome } of files) {
  test(name, async () => {
    const { defragmentation, sizes } = new Leader();
    sizes.sizeInUseBytes = 100 - free;
    await defragmentation.run(50);
    assert.equal(defragmentation.progress.outcome, outcome);
    assert.equal(defragmentation.progress.running, false);
  });
}
