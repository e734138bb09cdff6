import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { BboltBackend } from "@quorate/storage/database/bbolt-backend";
import type { Scrubbed } from "@quorate/storage/seams/backend";
import { ManualClock } from "@quorate/testkit/clock";
import { AlarmType } from "../alarm/alarm-store.ts";
import { ClusterHarness, LOCAL_ID, settle, testMember } from "../api/cluster-context.testing.ts";
import { RequestError } from "../errors.ts";
import { type LogFields, silentLogger } from "../log/logger.ts";
import { DatabaseScrub } from "./database-scrub.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-scrub-"));
after(() => rmSync(root, { recursive: true, force: true }));
const MINUTE_MS = 60_000;
const TICK_MS = 12.5;

/** A member whose database is asked for steps, and whose log is kept. */
class Scrubbing {
  readonly cluster = new ClusterHarness([testMember(1), testMember(2)]);
  readonly said: [level: string, message: string, fields: LogFields][] = [];
  readonly scrub: DatabaseScrub;
  steps = 0;

  constructor(step: (mostBytes: number) => Promise<Scrubbed>, bytesPerSecond: number) {
    const { context, state, backend } = this.cluster;
    backend.scrub = (mostBytes?: number) => {
      this.steps++;
      return step(mostBytes!);
    };
    const say =
      (level: string) =>
      (message: string, fields: LogFields = {}) =>
        void this.said.push([level, message, fields]);
    this.scrub = new DatabaseScrub({
      ...context,
      config: { ...context.config, scrubBytesPerSecond: bytesPerSecond },
      alarms: state.alarms,
      backend,
      log: { ...silentLogger, warn: say("warn"), error: say("error") },
    });
    this.scrub.start();
  }

  /** Lets time pass, and what comes of each timer; how many steps began. */
  async stepsIn(durationMs: number): Promise<number> {
    const before = this.steps;
    for (let ms = 0; ms < durationMs; ms += TICK_MS) {
      this.cluster.clock.advance(TICK_MS);
      await settle();
    }
    return this.steps - before;
  }

  get alarms(): bigint[] {
    return this.cluster.state.alarms.list(AlarmType.CORRUPT).map(({ memberId }) => memberId);
  }
}

const some: Scrubbed = { pages: 32, isEnd: false, fault: undefined };
const end: Scrubbed = { pages: 0, isEnd: true, fault: undefined };
const damaged: Scrubbed = { pages: 0, isEnd: false, fault: "page 7 is not what it was" };

const courses: readonly { name: string; rate: number; steps: (n: number) => Scrubbed; want: number[] }[] = [
  { name: "a rate of 0 is never", rate: 0, steps: () => some, want: [0, 0] },
  {
    name: "it begins after a minute, with 8 steps for each MiB",
    rate: 1 << 20,
    steps: () => some,
    want: [0, 80],
  },
  { name: "twice the rate is twice the steps", rate: 2 << 20, steps: () => some, want: [0, 160] },
  {
    name: "at the end of the file it rests for a minute",
    rate: 1 << 20,
    steps: (n) => (n % 20 === 0 ? end : some),
    want: [0, 20],
  },
];
for (const { name, rate, steps, want } of courses) {
  test(name, async () => {
    let n = 0;
    const member = new Scrubbing(async () => steps(++n), rate);
    const got = [await member.stepsIn(MINUTE_MS - TICK_MS), await member.stepsIn(10_000)];
    assert.deepEqual(got, want);
    member.scrub.stop();
  });
}

test("a damaged page becomes this member's CORRUPT alarm, once", async () => {
  const member = new Scrubbing(async () => damaged, 1 << 20);
  await member.stepsIn(MINUTE_MS);
  assert.deepEqual(member.alarms, [LOCAL_ID]);
  assert.equal(await member.stepsIn(2 * MINUTE_MS), 0);
  assert.deepEqual(member.said, [
    ["error", "found a damaged page in the database", { "corrupt-member-id": "1", fault: damaged.fault }],
  ]);
});

test("an alarm that cannot be raised is tried again", async () => {
  const member = new Scrubbing(async () => damaged, 1 << 20);
  const { consensus } = member.cluster;
  consensus.proposalError = new RequestError("NO_LEADER");
  await member.stepsIn(MINUTE_MS + 15_000);
  assert.deepEqual(member.alarms, []);
  consensus.proposalError = undefined;
  await member.stepsIn(10_000);
  assert.deepEqual(member.alarms, [LOCAL_ID]);
  assert.deepEqual(
    member.said.map(([level]) => level),
    ["error", "warn", "warn"],
  );
});

test("a disk that fails is told of, and asked again later", async () => {
  const member = new Scrubbing(() => Promise.reject(new Error("EIO")), 1 << 20);
  await member.stepsIn(MINUTE_MS + 25_000);
  assert.equal(member.steps, 3);
  assert.deepEqual(member.said[0], ["warn", "a scrub of the database failed", { error: "EIO" }]);
  assert.deepEqual(member.alarms, []);
  member.scrub.stop();
});

test("after a stop nothing comes of a step that is under way", async () => {
  let finish: (scrubbed: Scrubbed) => void = () => {};
  const member = new Scrubbing(
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
    1 << 20,
  );
  await member.stepsIn(MINUTE_MS);
  member.scrub.stop();
  finish(damaged);
  assert.equal(await member.stepsIn(MINUTE_MS), 0);
  assert.deepEqual([member.alarms, member.said], [[], []]);
});

test("a bit that flips on the disk under a member is found, though nobody reads the page", async () => {
  const file = path.join(root, "db");
  const backend = await BboltBackend.open({
    path: file,
    clock: ManualClock.withRealTurns(),
    onFatal: (error) => {
      throw error;
    },
  });
  for (let main = 2; main < 2_000; main++) {
    backend.putRevision(main, 0, false, Buffer.from(`record ${main} `.repeat(20)));
  }
  backend.commit();
  await backend.flushed();
  const member = new Scrubbing((mostBytes) => backend.scrub(mostBytes), 1 << 20);
  // A whole pass, with turns for what is read.
  const pages = Math.floor(backend.sizeBytes / 4096);
  await until(member, () => backend.counts.scrubbedPages > pages / 2);
  assert.deepEqual(member.alarms, []);
  const at = readFileSync(file).indexOf("record 1777 record");
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, "R", at);
  closeSync(descriptor);
  await until(member, () => member.alarms.length > 0);
  assert.deepEqual(member.alarms, [LOCAL_ID]);
  const [level, , fields] = member.said[0]!;
  assert.equal(level, "error");
  assert.match(`${fields.fault}`, new RegExp(`${file} is invalid at page ${Math.floor(at / 4096)} `));
  await backend.close();
});

async function until(member: Scrubbing, isOver: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !isOver(); i++) {
    member.cluster.clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(isOver());
}
