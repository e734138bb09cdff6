import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterHarness, settle, testMember } from "../api/cluster-context.testing.ts";
import { storageVersion } from "../cluster/storage-version.ts";
import { RequestError } from "../errors.ts";
import { setClusterVersion } from "../operations/cluster-version.ts";
import { ClusterVersionMonitor } from "./cluster-version.ts";

class Monitored {
  readonly cluster: ClusterHarness;
  readonly monitor: ClusterVersionMonitor;
  snapshotIndex = 0;
  forced = 0;
  /** What each other member answers; one that is not listed does not answer. */
  versions: Record<string, string> = {};

  constructor(...ids: number[]) {
    this.cluster = new ClusterHarness(ids.map((id) => testMember(id)));
    this.cluster.peers.answer = (url) => {
      const version = this.versions[new URL(url).hostname.split(".").at(-1)!];
      if (version === undefined || !url.endsWith("/version")) throw new Error("connection refused");
      return { text: JSON.stringify({ etcdserver: version, etcdcluster: "x" }) };
    };
    this.monitor = new ClusterVersionMonitor({
      context: this.cluster.context,
      lastSnapshotIndex: () => this.snapshotIndex,
      forceSnapshot: () => {
        this.forced++;
      },
    });
  }

  get version(): string | undefined {
    return this.cluster.membership.version;
  }
}

test("a member that is alone decides at once", () => {
  const alone = new Monitored(1);
  alone.monitor.leaderCommitted();
  assert.equal(alone.version, "3.7.0");
  assert.equal(storageVersion(alone.cluster.backend), "3.7.0");
  assert.deepEqual(alone.cluster.peers.asked, []);
});

test("a leader takes the lowest version of all members", async () => {
  const three = new Monitored(1, 2, 3);
  three.versions = { 2: "3.6.4", 3: "3.7.3" };
  three.monitor.leaderCommitted();
  await settle();
  assert.equal(three.version, "3.6.0");
  assert.equal(storageVersion(three.cluster.backend), "3.6.0");
});

test("the version begins low when a member is silent, and rises when it speaks", async () => {
  const three = new Monitored(1, 2, 3);
  three.versions = { 2: "3.7.3" };
  three.monitor.start();
  three.monitor.leaderCommitted();
  await settle();
  assert.equal(three.version, "3.0.0");
  assert.equal(storageVersion(three.cluster.backend), undefined);
  await three.cluster.advance(8_000);
  assert.equal(three.version, "3.0.0");
  three.versions = { 2: "3.7.3", 3: "3.7.0" };
  await three.cluster.advance(4_000);
  assert.equal(three.version, "3.7.0");
  assert.equal(storageVersion(three.cluster.backend), "3.7.0");
});

test("a member that starts a little later than the others is asked again soon", async () => {
  const three = new Monitored(1, 2, 3);
  three.versions = { 2: "3.7.3" };
  three.monitor.start();
  three.monitor.leaderCommitted();
  await settle();
  await three.cluster.advance(500);
  assert.equal(three.version, "3.0.0");
  three.versions = { 2: "3.7.3", 3: "3.7.0" };
  await three.cluster.advance(500);
  assert.equal(three.version, "3.7.0");
});

test("the first version is not held up by a member that does not answer; later ones may take their time", async () => {
  const three = new Monitored(1, 2, 3);
  const timeouts = () => three.cluster.peers.asked.map(({ request }) => request.timeoutMs);
  three.monitor.start();
  three.monitor.leaderCommitted();
  await settle();
  assert.deepEqual(timeouts(), [1_000, 1_000]);
  for (let i = 0; i < 7; i++) await three.cluster.advance(500);
  const askedSoon = timeouts().length;
  assert.equal(askedSoon, 2 + 7 * 2);
  for (let i = 0; i < 16; i++) await three.cluster.advance(500);
  const { requestTimeoutMs } = three.cluster.context;
  assert.deepEqual(timeouts().slice(askedSoon), new Array(4).fill(requestTimeoutMs));
});

test("only the leader decides", async () => {
  const three = new Monitored(1, 2, 3);
  three.versions = { 2: "3.7.3", 3: "3.7.3" };
  three.cluster.consensus.leader = 2n;
  three.monitor.start();
  three.monitor.leaderCommitted();
  await three.cluster.advance(8_000);
  assert.equal(three.version, undefined);
  assert.deepEqual(three.cluster.peers.asked, []);
});

test("who has lost leadership meanwhile proposes nothing", async () => {
  const three = new Monitored(1, 2, 3);
  three.versions = { 2: "3.7.3", 3: "3.7.3" };
  three.monitor.leaderCommitted();
  three.cluster.consensus.leader = 2n;
  await settle();
  assert.equal(three.version, undefined);
});

test("a proposal that fails is made again later", async () => {
  const alone = new Monitored(1);
  alone.cluster.consensus.proposalError = new RequestError("TIMEOUT");
  alone.monitor.start();
  alone.monitor.leaderCommitted();
  await settle();
  assert.equal(alone.version, undefined);
  alone.cluster.consensus.proposalError = undefined;
  await alone.cluster.advance(4_000);
  assert.equal(alone.version, "3.7.0");
});

test("nothing goes on after the stop", async () => {
  const alone = new Monitored(1);
  alone.monitor.start();
  alone.monitor.stop();
  alone.monitor.leaderCommitted();
  await alone.cluster.advance(60_000, 1_000);
  assert.equal(alone.version, undefined);
});

function downgrading(): Monitored {
  const two = new Monitored(1, 2);
  two.versions = { 2: "3.7.3" };
  setClusterVersion(two.cluster.state, "3.7.0");
  two.cluster.membership.applyDowngrade({ enabled: true, targetVersion: "3.6.0" });
  two.monitor.start();
  return two;
}

test("a downgrade lowers the cluster version at once and the storage version after a snapshot", async () => {
  const two = downgrading();
  assert.equal(two.forced, 0);
  two.cluster.consensus.appliedIndex = 20;
  await two.cluster.advance(4_000);
  assert.equal(two.version, "3.6.0");
  assert.equal(two.forced, 1);
  two.snapshotIndex = 19;
  await two.cluster.advance(8_000);
  assert.equal(storageVersion(two.cluster.backend), "3.7.0");
  assert.equal(two.forced, 1);
  two.snapshotIndex = 20;
  await two.cluster.advance(4_000);
  assert.equal(storageVersion(two.cluster.backend), "3.6.0");
  assert.equal(two.cluster.membership.downgrade.enabled, true);
});

test("after a restart in a downgrade the snapshot is asked for again, once", async () => {
  const two = new Monitored(1, 2);
  setClusterVersion(two.cluster.state, "3.7.0");
  two.cluster.membership.onVersion = undefined;
  two.cluster.membership.applyVersion("3.6.0");
  two.monitor.start();
  await two.cluster.advance(12_000);
  assert.equal(two.forced, 1);
  assert.equal(storageVersion(two.cluster.backend), "3.7.0");
  two.snapshotIndex = 10;
  await two.cluster.advance(4_000);
  assert.equal(storageVersion(two.cluster.backend), "3.6.0");
});

test("a downgrade ends when every member has its version", async () => {
  const two = downgrading();
  await two.cluster.advance(10_000);
  assert.equal(two.cluster.membership.downgrade.enabled, true);
  // This release never is of the version below it, so a target of its own stands for a downgrade that is complete.
  two.cluster.membership.applyDowngrade({ enabled: true, targetVersion: "3.7.0" });
  two.versions = {};
  await two.cluster.advance(5_000);
  assert.equal(two.cluster.membership.downgrade.enabled, true);
  two.versions = { 2: "3.7.9" };
  await two.cluster.advance(5_000);
  assert.deepEqual(two.cluster.membership.downgrade, { enabled: false, targetVersion: "" });
});

test("a downgrade that cannot be is not carried out", async () => {
  const two = downgrading();
  two.cluster.membership.applyDowngrade({ enabled: true, targetVersion: "3.5.0" });
  await two.cluster.advance(4_000);
  assert.equal(two.version, "3.7.0");
  assert.equal(two.forced, 0);
});

test("who waits for a version waits until it is decided, and no longer than told", async () => {
  const waiting = async (change: (monitored: Monitored) => void) => {
    const monitored = new Monitored(1, 2);
    let done = false;
    const decided = monitored.monitor.decided(1_000, new AbortController().signal).then(() => {
      done = true;
    });
    await settle();
    assert.equal(done, false);
    change(monitored);
    await settle();
    assert.equal(done, true);
    await decided;
  };
  await waiting(({ cluster }) => setClusterVersion(cluster.state, "3.7.0"));
  await waiting(({ cluster }) => cluster.clock.advance(1_000));
  await waiting(({ monitor }) => monitor.stop());
  const late = new Monitored(1);
  setClusterVersion(late.cluster.state, "3.7.0");
  await late.monitor.decided(1_000, new AbortController().signal);
});
