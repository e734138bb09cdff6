import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ClusterVersionQuestion,
  decideClusterVersion,
  isCompatibleWithCluster,
  isDowngradeComplete,
  parseTargetVersion,
} from "./version-negotiation.ts";
import { compareVersions, formatVersion, parseVersion } from "./version-number.ts";

const NO = { enabled: false, targetVersion: "" };
const to = (targetVersion: string) => ({ enabled: true, targetVersion });

const decisions: (ClusterVersionQuestion & { name: string; want: string })[] = [
  { name: "nobody known", clusterVersion: undefined, downgrade: NO, serverVersions: [], want: "3.0.0" },
  {
    name: "the lowest of all decides first",
    clusterVersion: undefined,
    downgrade: NO,
    serverVersions: ["3.6.1", "3.5.9"],
    want: "3.5.0",
  },
  {
    name: "a silent member at first",
    clusterVersion: undefined,
    downgrade: NO,
    serverVersions: ["3.7.3", undefined],
    want: "3.0.0",
  },
  {
    name: "an unreadable version at first",
    clusterVersion: undefined,
    downgrade: NO,
    serverVersions: ["3.7.3", "three"],
    want: "3.0.0",
  },
  {
    name: "an unreadable version later",
    clusterVersion: "3.5.0",
    downgrade: NO,
    serverVersions: ["3.7.3", "3.7"],
    want: "keep",
  },
  {
    name: "a silent member later",
    clusterVersion: "3.5.0",
    downgrade: NO,
    serverVersions: ["3.7.3", undefined],
    want: "keep",
  },
  {
    name: "an older member never lowers it",
    clusterVersion: "3.6.0",
    downgrade: NO,
    serverVersions: ["3.6.1", "3.5.9"],
    want: "keep",
  },
  {
    name: "all are newer",
    clusterVersion: "3.5.0",
    downgrade: NO,
    serverVersions: ["3.6.1", "3.6.9"],
    want: "3.6.0",
  },
  {
    name: "several minors at once",
    clusterVersion: "3.0.0",
    downgrade: NO,
    serverVersions: ["3.7.3", "3.7.3", "3.7.0"],
    want: "3.7.0",
  },
  {
    name: "patches are no reason",
    clusterVersion: "3.7.0",
    downgrade: NO,
    serverVersions: ["3.7.3"],
    want: "keep",
  },
  { name: "another major", clusterVersion: "3.7.0", downgrade: NO, serverVersions: ["4.0.0"], want: "keep" },
  {
    name: "pre-releases raise it",
    clusterVersion: "3.6.0",
    downgrade: NO,
    serverVersions: ["3.7.0-alpha.0", "3.7.0"],
    want: "3.7.0",
  },
  {
    name: "a downgrade is carried out",
    clusterVersion: "3.6.0",
    downgrade: to("3.5.0"),
    serverVersions: ["3.6.1", "3.6.1"],
    want: "3.5.0",
  },
  {
    name: "a downgrade that is carried out already",
    clusterVersion: "3.5.0",
    downgrade: to("3.5.0"),
    serverVersions: ["3.6.1", "3.5.1"],
    want: "keep",
  },
  {
    name: "a downgrade by two minors",
    clusterVersion: "3.6.0",
    downgrade: to("3.4.0"),
    serverVersions: ["3.6.1"],
    want: "invalid downgrade target",
  },
  {
    name: "a downgrade upwards",
    clusterVersion: "3.6.0",
    downgrade: to("3.7.0"),
    serverVersions: ["3.6.1"],
    want: "invalid downgrade target",
  },
  {
    name: "a downgrade while members are older already",
    clusterVersion: "3.6.0",
    downgrade: to("3.5.0"),
    serverVersions: ["3.6.1", "3.5.9"],
    want: "invalid downgrade target",
  },
  {
    name: "a downgrade to nowhere",
    clusterVersion: "3.6.0",
    downgrade: to("nowhere"),
    serverVersions: ["3.6.1"],
    want: "invalid downgrade target",
  },
  {
    name: "a downgrade with a silent member",
    clusterVersion: "3.6.0",
    downgrade: to("3.5.0"),
    serverVersions: ["3.6.1", undefined],
    want: "keep",
  },
];

for (const { name, want, ...question } of decisions) {
  test(`the cluster version: ${name}`, () => {
    const decision = decideClusterVersion(question);
    assert.equal(decision.kind === "set" ? decision.version : decision.kind, want);
  });
}

test("a downgrade is complete when every member is of its minor version", () => {
  assert.equal(isDowngradeComplete(to("3.6.0"), ["3.6.1", "3.6.0"]), true);
  assert.equal(isDowngradeComplete(to("3.6.0"), ["3.6.1", "3.7.0"]), false);
  assert.equal(isDowngradeComplete(to("3.6.0"), ["3.6.1", undefined]), false);
  assert.equal(isDowngradeComplete(to("3.6.0"), ["3.6.1", "?"]), false);
  assert.equal(isDowngradeComplete(to("?"), ["3.6.1"]), false);
  assert.equal(isDowngradeComplete(NO, ["3.6.1"]), false);
});

const targets = [
  ["3.6", "3.6.0"],
  ["3.6.0", "3.6.0"],
  ["3.6.9", "3.6.0"],
  ["3.6.0-rc.1", "3.6.0"],
  ["", undefined],
  ["x", undefined],
  ["3", undefined],
  ["v3.6.0", undefined],
  ["3.6.0.0", undefined],
  ["999999999999.0.0", "999999999999.0.0"],
  ["0003.06", "3.6.0"],
  ["3.6.0-", "3.6.0"],
  ["3.6.0+", "3.6.0"],
  ["3.6.0-rc.1+build-7.x", "3.6.0"],
  ["3.6.0-rc..1", undefined],
  ["3.6.0-rc.1+.x", undefined],
  ["3.6.0-rc_1", undefined],
  ["3.6-rc.1", undefined],
  ["3..0", undefined],
  ["3.6.", undefined],
  ["3.-6.0", undefined],
  [" 3.6.0", undefined],
  ["0.0.9223372036854775807", "0.0.0"],
  ["0.0.9223372036854775808", undefined],
  ["99999999999999999999.0", undefined],
] as const;

for (const [text, want] of targets) {
  test(`the target of a downgrade: ${text || "nothing"}`, () => {
    const version = parseTargetVersion(text);
    assert.equal(version === undefined ? undefined : formatVersion(version), want);
  });
}

const joins: { name: string; versions: (string | undefined)[]; downgrade: boolean; want: boolean }[] = [
  { name: "equal", versions: ["3.7.0"], downgrade: false, want: true },
  { name: "older", versions: ["3.0.0", "3.6.0"], downgrade: false, want: true },
  { name: "too old", versions: ["3.7.0", "2.3.0"], downgrade: false, want: false },
  { name: "one too new", versions: ["3.7.0", "3.8.0"], downgrade: false, want: false },
  { name: "one silent", versions: ["3.7.0", undefined], downgrade: false, want: true },
  { name: "one undecided", versions: ["not_decided", "3.7.0"], downgrade: false, want: true },
  { name: "all silent", versions: [undefined, "not_decided"], downgrade: false, want: false },
  { name: "nobody", versions: [], downgrade: false, want: false },
  { name: "a downgrade from the next minor", versions: ["3.8.0", undefined], downgrade: true, want: true },
  { name: "a downgrade from elsewhere", versions: ["3.7.0"], downgrade: true, want: false },
];

for (const { name, versions, downgrade, want } of joins) {
  test(`joining a cluster: ${name}`, () => {
    assert.equal(isCompatibleWithCluster(versions, downgrade), want);
  });
}

test("versions are ordered by number, a pre-release before its release", () => {
  const ascending = ["2.9.9", "3.0.0", "3.7.0-alpha.0", "3.7.0", "3.7.2", "3.7.10", "3.10.0"];
  for (let i = 1; i < ascending.length; i++) {
    const [a, b] = [parseVersion(ascending[i - 1]!)!, parseVersion(ascending[i]!)!];
    assert.ok(compareVersions(a, b) < 0 && compareVersions(b, a) > 0, ascending[i]);
  }
});
