import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterHarness, LOCAL_ID, settle, testMember } from "../api/cluster-context.testing.ts";
import { RequestError } from "../errors.ts";
import { publish } from "./publish.ts";

const URLS = ["http://10.0.0.1:2379"];

/** A member whose proposals are never answered, publishing. */
function publishing(name: string) {
  const cluster = new ClusterHarness([
    testMember(1, { name, clientUrls: name === "" ? [] : URLS }),
    testMember(2),
  ]);
  Object.assign(cluster.config, { name: "m1", advertiseClientUrls: URLS });
  const proposals: unknown[] = [];
  cluster.consensus.propose = (proposal) => void proposals.push(proposal);
  const published = { done: false };
  void publish(cluster.context, new AbortController().signal).then(() => {
    published.done = true;
  });
  return { cluster, proposals, published };
}

test("a member that joins has published when a snapshot says so, though nobody answered its proposal", async () => {
  const { cluster, proposals, published } = publishing("");
  await cluster.advance(1_000);
  assert.equal(proposals.length, 1);
  assert.equal(published.done, false);
  cluster.membership.applyAttributes(LOCAL_ID, "m1", URLS);
  await cluster.advance(100);
  assert.equal(published.done, true);
});

test("a member that comes back waits for its proposal: what is known is from its earlier life", async () => {
  const { cluster, published } = publishing("m1");
  await cluster.advance(1_000);
  await settle();
  assert.equal(published.done, false);
});

test("a refusal that comes at once is not met by another attempt at once", async () => {
  const cluster = new ClusterHarness([testMember(1), testMember(2)]);
  Object.assign(cluster.config, { name: "m1", advertiseClientUrls: URLS });
  let attempts = 0;
  cluster.consensus.propose = (proposal) => {
    attempts++;
    proposal.fail(new RequestError("TOO_MANY_REQUESTS"));
  };
  const stop = new AbortController();
  const published = publish(cluster.context, stop.signal);
  await settle();
  assert.equal(attempts, 1);
  await cluster.advance(1_000);
  assert.ok(attempts >= 5 && attempts <= 11, `${attempts} attempts in a second`);
  stop.abort();
  await assert.rejects(published);
});
