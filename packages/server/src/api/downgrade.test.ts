import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestError } from "../errors.ts";
import { NOBODY } from "../operations/caller.ts";
import { ClusterHarness, failureOf, testMember } from "./cluster-context.testing.ts";
import type { DowngradeContext } from "./context.ts";
import { DowngradeAction, downgrade } from "./downgrade.ts";

const { VALIDATE, ENABLE, CANCEL } = DowngradeAction;

const asked = (context: DowngradeContext, action: number, target: string) =>
  downgrade(context, action, target, NOBODY);

function cluster(): ClusterHarness {
  const harness = new ClusterHarness([testMember(1)]);
  harness.membership.applyVersion("3.7.0");
  return harness;
}

const refusals: [target: string, version: string | undefined, want: string][] = [
  ["x", "3.7.0", "WRONG_DOWNGRADE_VERSION_FORMAT"],
  ["", "3.7.0", "WRONG_DOWNGRADE_VERSION_FORMAT"],
  ["3", "3.7.0", "WRONG_DOWNGRADE_VERSION_FORMAT"],
  ["3.0", "3.7.0", "INVALID_DOWNGRADE_TARGET_VERSION"],
  ["3.7", "3.7.0", "INVALID_DOWNGRADE_TARGET_VERSION"],
  ["3.8.0", "3.7.0", "INVALID_DOWNGRADE_TARGET_VERSION"],
  ["2.6", "3.7.0", "INVALID_DOWNGRADE_TARGET_VERSION"],
  ["3.6", undefined, "CLUSTER_VERSION_UNAVAILABLE"],
  ["x", undefined, "WRONG_DOWNGRADE_VERSION_FORMAT"],
];

for (const [target, version, want] of refusals) {
  test(`a downgrade from ${version} to "${target}" is refused`, async () => {
    const harness = new ClusterHarness([testMember(1)]);
    if (version !== undefined) harness.membership.applyVersion(version);
    for (const action of [VALIDATE, ENABLE]) {
      assert.equal(await failureOf(asked(harness.context, action, target)), want);
    }
    assert.equal(harness.membership.downgrade.enabled, false);
  });
}

test("a downgrade is validated, enabled and canceled", async () => {
  const { context, membership, consensus } = cluster();
  assert.equal(await asked(context, VALIDATE, "3.6"), "3.7");
  assert.equal(membership.downgrade.enabled, false);
  assert.equal(await asked(context, ENABLE, "3.6.5"), "3.7");
  assert.deepEqual(membership.downgrade, { enabled: true, targetVersion: "3.6.0" });
  for (const action of [VALIDATE, ENABLE]) {
    assert.equal(await failureOf(asked(context, action, "3.6")), "DOWNGRADE_IN_PROCESS");
  }
  assert.equal(await asked(context, CANCEL, "ignored"), "3.7");
  assert.deepEqual(membership.downgrade, { enabled: false, targetVersion: "" });
  assert.equal(consensus.reads, 5);
});

test("a cancellation always succeeds for its caller", async () => {
  const harness = cluster();
  assert.equal(await asked(harness.context, CANCEL, ""), "3.7");
  await asked(harness.context, ENABLE, "3.6");
  harness.consensus.proposalError = new RequestError("TIMEOUT");
  assert.equal(await asked(harness.context, CANCEL, ""), "3.7");
  harness.consensus.readError = new RequestError("TIMEOUT");
  assert.equal(await asked(harness.context, CANCEL, ""), "3.7");
  assert.equal(harness.membership.downgrade.enabled, true);
});

test("what fails on the way is told to whoever asks for more", async () => {
  const harness = cluster();
  harness.consensus.readError = new RequestError("TIMEOUT");
  assert.equal(await failureOf(asked(harness.context, VALIDATE, "3.6")), "TIMEOUT");
  assert.equal(await failureOf(asked(harness.context, 3, "3.6")), "UNKNOWN_METHOD");
});
