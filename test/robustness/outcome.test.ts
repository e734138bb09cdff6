import assert from "node:assert/strict";
import test from "node:test";
import { type Ended, type Outcome, outcomeOf } from "./outcome.ts";

const LOAD = `    logger.go:146: 2026-01-02T03:04:05.678Z	INFO	Triggering failpoint	{"failpoint": "beforeCommit=panic"}
    logger.go:146: 2026-01-02T03:04:06.678Z	INFO	Reporting traffic before failure injection	{"successes": 7, "qps": 461.5}
`;
const PASS = `--- PASS: TestRobustnessExploratory (4.53s)
    --- PASS: TestRobustnessExploratory/EtcdHighTraffic/ClusterOfSize1 (4.39s)
PASS
`;
const FAIL =
  "--- FAIL: TestRobustnessRegression (4.5s)\n    --- FAIL: TestRobustnessRegression/Issue14370 (4.4s)\nFAIL\n";
/** As Go's \`require\` prints it. */
function required(...lines: string[]): string {
  const indent = " ".repeat(8);
  const more = lines.slice(1).map((line) => `${indent}\t            \t${line}\n`);
  return `    main_test.go:70: \n${indent}\tError Trace:\t/suite/main_test.go:70\n${indent}\tError:      \t${lines[0]}\n${more.join("")}${indent}\tTest:       \tTestRobustness\n`;
}

/** A member that was to fall behind until it needs a snapshot, while so many revisions were written in a minute. */
function cutOff(revisions: number): string {
  return `    network.go:135: clusterRevision: 15, blackholedMemberRevision: 15, minEntriesToGuarantee: 200
    network.go:135: clusterRevision: ${15 + revisions}, blackholedMemberRevision: ${15 + revisions}, minEntriesToGuarantee: 200
    main_test.go:142: failed triggering failpoint, err: context deadline exceeded
    traffic.go:149: Traffic finished before failure was injected: context canceled
    main_test.go:178: client didn't collect all events, max revision not set
    main_test.go:183: context canceled
`;
}

const cases: { name: string; output: string; ended: Ended; kind: Outcome["kind"]; why: RegExp }[] = [
  { name: "all checks passed", output: LOAD + PASS, ended: { status: 0 }, kind: "passed", why: /^$/ },
  {
    name: "no order of the operations is possible",
    output: `${LOAD}    main_test.go:127: linearization: Failure: illegal\n${FAIL}`,
    ended: { status: 1 },
    kind: "failed",
    why: /^linearization: Failure: illegal$/,
  },
  {
    name: "a failure is not hidden by a busy machine",
    output: `    traffic.go:182: Requiring minimal 100.000000 qps before failpoint injection for test results to be reliable, got 3.1 qps\n    main_test.go:127: watch: Failure: broke Ordered\n${FAIL}`,
    ended: { status: 1 },
    kind: "failed",
    why: /^watch: Failure: broke Ordered$/,
  },
  {
    name: "a failure before the search for an order was stopped is a failure",
    output: "    main_test.go:183: hash mismatch\n",
    ended: { status: undefined, stopped: "checker" },
    kind: "failed",
    why: /^hash mismatch$/,
  },
  {
    name: "the machine was too busy",
    output: `    traffic.go:182: Requiring minimal 100.000000 qps before failpoint injection for test results to be reliable, got 3.1 qps\n${FAIL}`,
    ended: { status: 1 },
    kind: "undecided",
    why: /^Requiring minimal/,
  },
  {
    name: "a member could not fall behind, so little was written",
    output: `${cutOff(2_900)}${FAIL}`,
    ended: { status: 1 },
    kind: "undecided",
    why: /^too busy: 2900 revisions in 60 s, and 200 had to be missed in 4 s$/,
  },
  {
    name: "a member did not fall behind although much was written",
    output: `${cutOff(3_100)}${FAIL}`,
    ended: { status: 1 },
    kind: "failed",
    why: /^failed triggering failpoint/,
  },
  {
    name: "something else is wrong with a member that did not fall behind",
    output: `${cutOff(900)}    main_test.go:127: watch: Failure: broke Ordered\n${FAIL}`,
    ended: { status: 1 },
    kind: "failed",
    why: /broke Ordered/,
  },
  {
    name: "the search for an order gave up",
    output: `${LOAD}    main_test.go:127: linearization: Timeout\n${FAIL}`,
    ended: { status: 1 },
    kind: "undecided",
    why: /Timeout/,
  },
  {
    name: "the search for an order was stopped",
    output: LOAD,
    ended: { status: undefined, stopped: "checker" },
    kind: "undecided",
    why: /stopped/,
  },
  {
    name: "it was stopped before that",
    output: LOAD,
    ended: { status: undefined, stopped: "time" },
    kind: "failed",
    why: /did not end in time/,
  },
  {
    name: "the suite stopped itself",
    output: `${LOAD}panic: test timed out after 4m0s\n`,
    ended: { status: 2 },
    kind: "failed",
    why: /did not end in time/,
  },
  {
    name: "the cluster cannot be made",
    output: required("Received unexpected error:", "cannot start: failed to find etcd ready lines") + FAIL,
    ended: { status: 1 },
    kind: "failed",
    why: /^Received unexpected error: cannot start: failed to find etcd ready lines$/,
  },
  {
    name: "the scenario cannot have the failpoint that was asked for",
    output: required("Received unexpected error:", "no available failpoints") + FAIL,
    ended: { status: 1 },
    kind: "unavailable",
    why: /cannot have/,
  },
  {
    name: "the suite skips what it was to run",
    output:
      "--- PASS: TestRobustnessRegression (0.1s)\n    --- SKIP: TestRobustnessRegression/Issue14370 (0.1s)\nPASS\n",
    ended: { status: 0 },
    kind: "failed",
    why: /skipped TestRobustnessRegression\/Issue14370/,
  },
  {
    name: "the suite has no such scenario",
    output: "--- PASS: TestRobustnessRegression (0.1s)\nPASS\n",
    ended: { status: 0 },
    kind: "failed",
    why: /no such scenario/,
  },
  {
    name: "the log of a member cannot be read",
    output: `${LOAD}    logger.go:146: 2026-01-02T03:04:07.678Z	ERROR	Failed to read WAL	{"error": "walpb: crc mismatch"}\n${PASS}`,
    ended: { status: 0 },
    kind: "failed",
    why: /walpb: crc mismatch/,
  },
  {
    name: "it ends without saying why",
    output: "fatal error: all goroutines are asleep\n",
    ended: { status: 2 },
    kind: "failed",
    why: /status 2:\nfatal error: all goroutines are asleep/,
  },
];
for (const { name, output, ended, kind, why } of cases) {
  test(`a run is ${kind}: ${name}`, () => {
    const outcome = outcomeOf(output, ended);
    assert.equal(outcome.kind, kind);
    assert.match(outcome.why, why);
  });
}

test("the failpoint and the load before it are read", () => {
  const { failpoint, requestsPerSecond } = outcomeOf(LOAD + PASS, { status: 0 });
  assert.equal(failpoint, "beforeCommit=panic");
  assert.equal(requestsPerSecond, 461.5);
});
