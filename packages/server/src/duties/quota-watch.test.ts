import assert from "node:assert/strict";
import { test } from "node:test";
import { AlarmType } from "../alarm/alarm-store.ts";
import { ClusterHarness, LOCAL_ID, settle, testMember } from "../api/cluster-context.testing.ts";
import { RequestError } from "../errors.ts";
import { type LogFields, silentLogger } from "../log/logger.ts";
import { PutSample } from "../mvcc/put-sample.ts";
import { bytes } from "../mvcc/testing.ts";
import { Quota } from "../operations/quota.ts";
import { QuotaWatch } from "./quota-watch.ts";

const QUOTA_BYTES = 1_000;

/** A member that uses `used` bytes of a quota of 1,000. */
class Watched {
  readonly cluster = new ClusterHarness([testMember(1), testMember(2)]);
  readonly sample = new PutSample();
  readonly warnings: [message: string, fields: LogFields][] = [];
  readonly watch: QuotaWatch;
  used = 0;

  constructor({ quotaBytes = QUOTA_BYTES, autoDisarm = false } = {}) {
    const { context, state } = this.cluster;
    this.watch = new QuotaWatch({
      ...context,
      config: { ...context.config, quotaAlarmAutoDisarm: autoDisarm },
      alarms: state.alarms,
      quota: new Quota(quotaBytes, () => this.used),
      store: { putSample: this.sample },
      log: { ...silentLogger, warn: (message, fields = {}) => this.warnings.push([message, fields]) },
    });
    this.watch.start();
  }

  /** Uses `percent` of the quota for ten seconds; then the IDs of the members that have an alarm about space. */
  async alarmsAt(percent: number): Promise<bigint[]> {
    this.warningsAt(percent);
    await settle();
    return this.cluster.state.alarms.list(AlarmType.NOSPACE).map(({ memberId }) => memberId);
  }

  /** Uses `percent` of the quota, and says how many warnings there are after ten seconds. */
  warningsAt(percent: number): number {
    const before = this.warnings.length;
    this.used = percent * 10;
    this.cluster.clock.advance(10_000);
    return this.warnings.length - before;
  }
}

const courses = [
  { name: "below 80 % nothing is said", percents: [0, 74, 79.9], warnings: [0, 0, 0] },
  { name: "at 80 % it is said once", percents: [80, 80, 81, 84.9], warnings: [1, 0, 0, 0] },
  { name: "five points more are said again", percents: [80, 85, 89, 90, 97], warnings: [1, 1, 0, 1, 1] },
  { name: "a little less and more again is nothing new", percents: [80, 76, 80], warnings: [1, 0, 0] },
  { name: "after less than 75 % it is said anew", percents: [80, 74, 79, 80], warnings: [1, 0, 0, 1] },
];
for (const { name, percents, warnings } of courses) {
  test(name, () => {
    const member = new Watched();
    const got = percents.map((percent) => member.warningsAt(percent));
    assert.deepEqual(got, warnings);
  });
}

test("it is said again after an hour", () => {
  const member = new Watched();
  assert.equal(member.warningsAt(80), 1);
  for (let seconds = 10; seconds < 3_600; seconds += 10) assert.equal(member.warningsAt(82), 0);
  assert.equal(member.warningsAt(82), 1);
});

test("the warning names what is used, the quota and the prefixes that were put most to", () => {
  const member = new Watched();
  member.sample.take(bytes("/registry/events/1"), 600);
  member.sample.take(bytes("/registry/pods/1"), 200);
  member.warningsAt(83);
  const [message, fields] = member.warnings[0]!;
  assert.equal(message, "the space quota is almost used up");
  assert.deepEqual(fields, {
    "used-percent": 83,
    "current-db-size-in-use-bytes": 830,
    "quota-size-bytes": QUOTA_BYTES,
    "prefixes-put-most-to": [
      { prefix: "/registry/events/", "recent-bytes": 618 * 64 },
      { prefix: "/registry/pods/", "recent-bytes": 216 * 64 },
    ],
  });
});

test("what was put weighs half after a minute", () => {
  const member = new Watched();
  member.sample.take(bytes("a/1"), 97);
  for (let looks = 0; looks < 5; looks++) member.warningsAt(0);
  assert.equal(member.sample.largest(1)[0]!.bytes, 6_400);
  member.warningsAt(0);
  assert.equal(member.sample.largest(1)[0]!.bytes, 3_200);
});

test("without a quota nobody looks, and nobody does after the end", () => {
  const without = new Watched({ quotaBytes: Number.POSITIVE_INFINITY });
  assert.equal(without.warningsAt(1e9), 0);
  const member = new Watched();
  member.watch.stop();
  assert.equal(member.warningsAt(90), 0);
});

test("a member ends its own alarm when less than 90 % are in use, and no other's, and says so", async () => {
  const member = new Watched({ autoDisarm: true });
  const { alarms } = member.cluster.state;
  alarms.activate(LOCAL_ID, AlarmType.NOSPACE);
  alarms.activate(2n, AlarmType.NOSPACE);
  alarms.activate(LOCAL_ID, AlarmType.CORRUPT);
  assert.deepEqual(await member.alarmsAt(90), [LOCAL_ID, 2n]);
  assert.deepEqual(await member.alarmsAt(89), [2n]);
  assert.equal(alarms.corrupt, true);
  assert.equal(member.warnings.at(-1)![0], "disarmed the alarm about space, as there is space again");
});

test("unless asked for no alarm ends by itself", async () => {
  const member = new Watched();
  member.cluster.state.alarms.activate(LOCAL_ID, AlarmType.NOSPACE);
  assert.deepEqual(await member.alarmsAt(10), [LOCAL_ID]);
});

test("what could not be proposed is proposed at the next look", async () => {
  const member = new Watched({ autoDisarm: true });
  member.cluster.state.alarms.activate(LOCAL_ID, AlarmType.NOSPACE);
  member.cluster.consensus.proposalError = new RequestError("TIMEOUT");
  assert.deepEqual(await member.alarmsAt(10), [LOCAL_ID]);
  member.cluster.consensus.proposalError = undefined;
  assert.deepEqual(await member.alarmsAt(10), []);
});
