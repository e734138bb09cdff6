import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { LeaderMonitor } from "./leader-monitor.ts";

/** One letter an election timeout: whether there is a leader then. */
const cases = [
  { name: "a short election goes unnoticed", looks: "L--L--L", want: [0, 0, 0, 0, 0, 0, 0] },
  { name: "three looks without a leader end the stream", looks: "L---", want: [0, 0, 0, 1] },
  { name: "a stream is ended once", looks: "------", want: [0, 0, 1, 1, 1, 1] },
];
for (const { name, looks, want } of cases) {
  test(name, () => {
    const clock = new ManualClock();
    let leader = true;
    let lost = 0;
    const monitor = new LeaderMonitor(clock, 1000, () => leader);
    monitor.add(() => {
      lost += 1;
    });
    const seen = [...looks].map((look) => {
      leader = look === "L";
      clock.advance(1000);
      return lost;
    });
    assert.deepEqual(seen, want);
  });
}

test("a stream that has ended is left alone", () => {
  const clock = new ManualClock();
  const monitor = new LeaderMonitor(clock, 1000, () => false);
  const remove = monitor.add(() => assert.fail("it has ended"));
  clock.advance(2500);
  remove();
  remove();
  clock.advance(5000);
  let lost = 0;
  monitor.add(() => {
    lost += 1;
  });
  clock.advance(2999);
  assert.equal(lost, 0);
  clock.advance(1);
  assert.equal(lost, 1);
});

test("many streams are ended over several turns, but for those that end by themselves meanwhile", () => {
  const clock = new ManualClock();
  const monitor = new LeaderMonitor(clock, 1000, () => false);
  let lost = 0;
  const removals = Array.from({ length: 1300 }, () => monitor.add(() => (lost += 1)));
  const counts: number[] = [];
  const { soon } = clock;
  clock.soon = (callback) => {
    counts.push(lost);
    removals.at(-1)!();
    soon.call(clock, callback);
  };
  clock.advance(3000);
  assert.deepEqual(counts, [512, 1024]);
  assert.equal(lost, 1299);
});
