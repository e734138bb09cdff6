import assert from "node:assert/strict";
import test from "node:test";
import type { StatusResponse } from "@quorate/wire/messages";
import { frameLines, type Sample } from "./frame.ts";
import type { MemberState } from "./members.ts";

const LEADER = 1n;

function member(
  name: string,
  id: bigint,
  given: Partial<StatusResponse>,
  more: Partial<MemberState> = {},
): MemberState {
  const status: StatusResponse = {
    header: { clusterId: 0xabcn, memberId: id, revision: 100n, raftTerm: 3n },
    version: "3.7.3",
    dbSize: 20_480n,
    leader: LEADER,
    raftIndex: 210n,
    raftTerm: 3n,
    raftAppliedIndex: 210n,
    errors: [],
    dbSizeInUse: 16_384n,
    isLearner: false,
    storageVersion: "3.7.0",
    dbSizeQuota: 0n,
    downgradeInfo: undefined,
    ...given,
  };
  return { name, id: id.toString(16), isLearner: status.isLearner, status, tookMs: 1.25, error: "", ...more };
}

const header = (revision: bigint) => ({ clusterId: 0xabcn, memberId: LEADER, revision, raftTerm: 3n });
const BEFORE: Sample = {
  members: [member("a", LEADER, { header: header(80n), raftIndex: 200n })],
  prefixes: [],
  watchError: "",
  atMs: 1_000,
};
const NOW: Sample = {
  members: [
    member("a", LEADER, {}),
    member("bee", 2n, { raftIndex: 209n, raftAppliedIndex: 205n, errors: ["NOSPACE"] }),
    member("c", 3n, {}, { status: undefined, error: "context deadline exceeded" }),
    member("d", 4n, { isLearner: true }),
  ],
  prefixes: [
    { name: "/registry/pods/", changes: 30, bytes: 6_000, total: 31 },
    { name: "a b", changes: 1, bytes: 4, total: 7 },
    { name: "quiet", changes: 0, bytes: 0, total: 9 },
  ],
  watchError: "",
  atMs: 3_000,
};

function text(before: Sample, now: Sample, forPeople: boolean): string[] {
  return frameLines(before, now, { forPeople, mostPrefixes: 2 }).map((line) => line.text);
}

test("people get columns, human sizes, and who does not answer", () => {
  assert.deepEqual(text(BEFORE, NOW, true), [
    "cluster abc   leader a   term 3   revision 100   transactions/s 10.0   entries/s 5.0   changes/s 15.5",
    "",
    "MEMBER  ID      ROLE  VERSION   SIZE  IN USE  INDEX  APPLIED  LAG   TOOK",
    "a        1    leader    3.7.3  20 kB   16 kB    210      210    0  1.3ms",
    "bee      2  follower    3.7.3  20 kB   16 kB    209      205    5  1.3ms  NOSPACE",
    "c        3         -        -      -       -      -        -    -      -  context deadline exceeded",
    "d        4   learner    3.7.3  20 kB   16 kB    210      210    0  1.3ms",
    "",
    "PREFIX           CHANGES/S  BYTES/S  CHANGES",
    "/registry/pods/       15.0   3.0 kB       31",
    '"a b"                  0.5      2 B        7',
  ]);
});

test("programs get fields between tabs, and whole numbers of bytes", () => {
  const lines = text(BEFORE, NOW, false);
  assert.deepEqual(lines.slice(0, 7), [
    "cluster\tabc",
    "leader\ta",
    "term\t3",
    "revision\t100",
    "transactions/s\t10.0",
    "entries/s\t5.0",
    "changes/s\t15.5",
  ]);
  assert.ok(lines.includes("a\t1\tleader\t3.7.3\t20480\t16384\t210\t210\t0\t1.3ms"));
  assert.ok(lines.includes("/registry/pods/\t15.0\t3000\t31"));
});

test("who is in trouble stands out, and heads do", () => {
  const kinds = frameLines(BEFORE, NOW, { forPeople: true, mostPrefixes: 0 }).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["plain", "plain", "head", "plain", "bad", "bad", "plain", "plain", "head"]);
});

const alone = (state: MemberState, watchError = ""): Sample => ({
  members: [state],
  prefixes: [],
  watchError,
  atMs: 5_000,
});
const odd = [
  {
    name: "a cluster without a leader says so",
    now: alone(member("a", LEADER, { leader: 0n })),
    line: 3,
    want: /no leader/,
  },
  {
    name: "nobody who answers makes no rate",
    now: alone(member("a", LEADER, {}, { status: undefined, error: "x" })),
    line: 0,
    want: /leader none .*transactions\/s 0\.0/,
  },
  {
    name: "a watch that ended is told",
    now: alone(member("a", LEADER, {}), "permission denied"),
    line: 5,
    want: /^changes cannot be watched: permission denied$/,
  },
  {
    name: "a member that was not asked yet is told",
    now: alone(member("a", LEADER, {}, { status: undefined })),
    line: 3,
    want: /no answer yet$/,
  },
];
for (const { name, now, line, want } of odd)
  test(name, () => assert.match(text(BEFORE, now, true)[line]!, want));

test("without a number before there is no rate", () => {
  const unknown = alone(member("a", LEADER, {}, { status: undefined }));
  assert.match(text({ ...unknown, atMs: 0 }, NOW, true)[0]!, /transactions\/s - {3}entries\/s - /);
});
