/** What a run of one scenario has shown, read from what the suite has printed. */

export interface Outcome {
  /**
   * `undecided`: nothing was found wrong, but not everything could be checked: the search for an order of the operations did
   * not end, or the machine was too busy for enough load. `unavailable`: the scenario cannot have the failpoint asked for.
   */
  readonly kind: "passed" | "failed" | "undecided" | "unavailable";
  readonly failpoint: string | undefined;
  /** Requests a second before the failpoint. */
  readonly requestsPerSecond: number | undefined;
  /** Empty when it passed. */
  readonly why: string;
}

export interface Ended {
  /** Exit status of the process; undefined when it was stopped. */
  readonly status: number | undefined;
  /** Why it was stopped, if it was: at the end of its time, or of the time that the checker has. */
  readonly stopped?: "time" | "checker";
}

/** What the suite says of itself, and not what it or a member logs. */
const REPORTED = /^\s+(?:main_test|traffic)\.go:\d+: (.*)$/gm;
const TOO_BUSY = /^Requiring minimal [\d.]+ qps before failpoint injection/;
const NOT_DECIDED = /^linearization: (?:Timeout|DeadlineExceeded)/;
/** All that the suite says when a failpoint was not reached in time. */
const NOT_TRIGGERED =
  /^(?:failed triggering failpoint, err: context deadline exceeded|Traffic finished before failure was injected: .*|client didn't collect all events, max revision not set|context canceled)$/;
/** A member that is cut off has to fall so far behind that it needs a snapshot. */
const FALLING_BEHIND = /clusterRevision: (\d+), blackholedMemberRevision: \d+, minEntriesToGuarantee: (\d+)/g;
/** The suite tries for so long. */
const FALLING_BEHIND_S = 60;
/** The links of the member change over, to those that are not cut, after so long without a word. */
const CHANGE_OVER_S = 4;
/** Only logged: the suite goes on with the logs of the other members. */
const UNREADABLE = /ERROR\s+Failed to read WAL\s+(.*)$/m;
const TIMED_OUT = /^panic: test timed out after/m;
/** Go's `require` reports over several lines, with a trace between. */
const REQUIRED = /^\s+Error:\s+(.*(?:\n\s{20,}\S.*)*)/gm;

export function outcomeOf(output: string, { status, stopped }: Ended): Outcome {
  const failpoint = /Triggering failpoint\s+\{"failpoint": "([^"]+)"/.exec(output)?.[1];
  const qps = /Reporting traffic before failure injection.*"qps": ([\d.]+)/.exec(output)?.[1];
  const facts = { failpoint, requestsPerSecond: qps === undefined ? undefined : Number(qps) };
  const reported = [...output.matchAll(REPORTED)]
    .map((match) => match[1]!.trim())
    .filter((line) => line !== "");
  const required = [...output.matchAll(REQUIRED)].map((match) => match[1]!.replace(/\s+/g, " "));
  const reasons = [...reported, ...required];
  if (required.some((line) => line.includes("no available failpoints"))) {
    return { ...facts, kind: "unavailable", why: "the scenario cannot have this failpoint" };
  }
  const tooSlow = tooSlowToFallBehind(output, reasons);
  if (tooSlow !== undefined) return { ...facts, kind: "undecided", why: tooSlow };
  const grave = reasons.filter((line) => !TOO_BUSY.test(line) && !NOT_DECIDED.test(line));
  if (grave.length > 0) return { ...facts, kind: "failed", why: grave.join("; ") };
  if (stopped === "checker") {
    return { ...facts, kind: "undecided", why: "the search for an order of the operations was stopped" };
  }
  if (stopped === "time" || TIMED_OUT.test(output))
    return { ...facts, kind: "failed", why: "it did not end in time" };
  if (reasons.length > 0) return { ...facts, kind: "undecided", why: reasons.join("; ") };
  const skipped = /^\s*--- SKIP: (\S+)/m.exec(output)?.[1];
  if (skipped !== undefined) return { ...facts, kind: "failed", why: `the suite skipped ${skipped}` };
  if (status !== 0) {
    return { ...facts, kind: "failed", why: `status ${status}:\n${output.trimEnd().slice(-1_000)}` };
  }
  if (!/^\s*--- PASS: \S+\/\S+/m.test(output)) {
    return { ...facts, kind: "failed", why: "the suite ran nothing: it has no such scenario" };
  }
  const unreadable = UNREADABLE.exec(output)?.[1];
  if (unreadable !== undefined) {
    return { ...facts, kind: "failed", why: `etcd's code cannot read a member's log: ${unreadable}` };
  }
  return { ...facts, kind: "passed", why: "" };
}

/** Of a failpoint that was not reached because so little was written that the member could not fall behind: how little. */
function tooSlowToFallBehind(output: string, reasons: readonly string[]): string | undefined {
  if (reasons.length === 0 || !reasons.every((line) => NOT_TRIGGERED.test(line))) return undefined;
  const steps = [...output.matchAll(FALLING_BEHIND)];
  if (steps.length === 0) return undefined;
  const written = Number(steps.at(-1)![1]) - Number(steps[0]![1]);
  const wanted = Number(steps[0]![2]);
  if ((written / FALLING_BEHIND_S) * CHANGE_OVER_S >= wanted) return undefined;
  return `too busy: ${written} revisions in ${FALLING_BEHIND_S} s, and ${wanted} had to be missed in ${CHANGE_OVER_S} s`;
}
