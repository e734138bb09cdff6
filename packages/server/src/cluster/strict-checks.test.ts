import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterMember } from "./member-json.ts";
import {
  type ClusterHealth,
  isReadyToAdd,
  refuseAddition,
  refusePromotion,
  refuseRemoval,
} from "./strict-checks.ts";

const LOCAL = 1n;
const NOW = 100_000;

const ready: [started: number, voters: number, want: boolean][] = [
  [0, 3, false],
  [1, 2, false],
  [1, 3, false],
  [1, 1, true],
  [2, 3, false],
  [3, 3, true],
  [3, 4, true],
  [0, 0, false],
];

for (const [started, voters, want] of ready) {
  test(`a voter ${want ? "may" : "must not"} be added where ${started} of ${voters} have started`, () => {
    assert.equal(isReadyToAdd(started, voters), want);
  });
}

/**
 * One letter a voter, this member first: `c` connected for long, `n` for exactly 5 s, `d` down, `u` never started and
 * down, `s` never started and connected.
 */
function health(voters: string): ClusterHealth {
  const since = (letter: string) =>
    letter === "n" ? NOW - 5_000 : /[cs]/.test(letter) ? NOW - 5_001 : undefined;
  const members = [...voters].map(
    (letter, i): ClusterMember => ({
      id: BigInt(i + 1),
      peerUrls: [],
      isLearner: false,
      name: /[us]/.test(letter) ? "" : "name",
      clientUrls: [],
    }),
  );
  const active = new Map(
    [...voters].map((letter, i) => [BigInt(i + 1), i === 0 ? undefined : since(letter)]),
  );
  return { voters: members, localId: LOCAL, nowMs: NOW, activeSince: (id) => active.get(id) };
}

const NOT_STARTED = "NOT_ENOUGH_STARTED_MEMBERS";

const additions: [voters: string, isLearner: boolean, want: string | undefined][] = [
  ["c", false, undefined],
  ["c", true, undefined],
  ["u", false, NOT_STARTED],
  ["cc", false, undefined],
  ["cu", false, NOT_STARTED],
  ["cu", true, "UNHEALTHY"],
  ["cs", false, NOT_STARTED],
  ["cs", true, undefined],
  ["cd", false, "UNHEALTHY"],
  ["cn", false, "UNHEALTHY"],
  ["ccc", false, undefined],
  ["ccd", false, "UNHEALTHY"],
  ["ccd", true, "UNHEALTHY"],
  ["cccc", false, undefined],
  ["cccd", false, undefined],
  ["ccdd", false, "UNHEALTHY"],
];

for (const [voters, isLearner, want] of additions) {
  test(`adding a ${isLearner ? "learner" : "voter"} to ${voters}: ${want ?? "may be"}`, () => {
    assert.equal(refuseAddition(health(voters), isLearner), want);
  });
}

const removals: [voters: string, id: bigint, want: string | undefined][] = [
  ["ccc", 3n, undefined],
  ["ccc", 1n, undefined],
  ["ccd", 3n, undefined],
  ["ccd", 2n, "UNHEALTHY"],
  ["ccd", 1n, "UNHEALTHY"],
  ["ccn", 2n, "UNHEALTHY"],
  ["cdd", 3n, undefined],
  ["cu", 2n, undefined],
  ["cu", 1n, NOT_STARTED],
  ["c", 1n, NOT_STARTED],
  ["cu", 9n, NOT_STARTED],
  ["ccc", 9n, undefined],
  ["ccu", 2n, NOT_STARTED],
];

for (const [voters, id, want] of removals) {
  test(`removing ${id} of ${voters}: ${want ?? "may be"}`, () => {
    const cluster = health(voters);
    const member = cluster.voters.find((voter) => voter.id === id);
    assert.equal(refuseRemoval(cluster, id, member), want);
  });
}

test("a learner may always be removed", () => {
  const learner = { id: 9n, peerUrls: [], isLearner: true, name: "", clientUrls: [] };
  assert.equal(refuseRemoval(health("cdd"), 9n, learner), undefined);
});

const promotions: [voters: string, want: string | undefined][] = [
  ["c", undefined],
  ["cu", undefined],
  ["cuu", NOT_STARTED],
  ["ccu", undefined],
  ["cuuu", NOT_STARTED],
];

for (const [voters, want] of promotions) {
  test(`a promotion beside ${voters}: ${want ?? "may be"}`, () => {
    assert.equal(refusePromotion(health(voters).voters), want);
  });
}
