import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import type { ComparisonContext } from "../api/context.ts";
import { RequestIds } from "../cluster/request-ids.ts";
import type { Proposal } from "../consensus/proposal.ts";
import { silentLogger } from "../log/logger.ts";
import type { KvHash } from "../mvcc/stored-hashes.ts";
import { OPEN_ACCESS } from "../operations/open-access.testing.ts";
import type { ReplicatedState } from "../operations/state.ts";
import { initialCheck } from "./initial-check.ts";
import { CorruptionMonitor } from "./monitor.ts";

const SELF = 0x1an;
const member = (id: bigint) => ({
  id,
  peerUrls: [`http://${id}`],
  isLearner: false,
  name: "",
  clientUrls: [],
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** This member and two others, whose answers are those of `peers`. */
class Harness {
  readonly clock = new ManualClock();
  own: KvHash & { currentRevision: number } = {
    hash: 10,
    compactRevision: 3,
    hashRevision: 9,
    currentRevision: 9,
  };
  stored: KvHash[] = [];
  /** By URL and revision: a hash, and the compacted revision if that is another one. */
  readonly peers = new Map<string, [hash: number, compactRevision: number]>();
  readonly asked: string[] = [];
  readonly raised: bigint[] = [];
  readonly config = {
    corruptCheckMs: 0,
    compactHashCheckMs: 60_000,
    maxRequestBytes: 1_000,
    features: { CompactHashCheck: false },
  };
  readonly consensus = {
    isLeader: true,
    overloaded: false,
    linearizable: async () => {},
    propose: (proposal: Proposal) =>
      proposal.apply({
        alarms: {
          activate: (memberId: bigint) => {
            this.raised.push(memberId);
            return [];
          },
        },
        access: OPEN_ACCESS,
      } as unknown as ReplicatedState),
  };
  readonly context = {
    clock: this.clock,
    config: this.config,
    consensus: this.consensus,
    ids: new RequestIds(SELF, 0),
    log: silentLogger,
    requestTimeoutMs: 7_000,
    alarms: { list: () => this.raised.map((memberId) => ({ memberId, type: 2 })) },
    membership: { clusterId: 1n, localId: SELF, members: [member(SELF), member(2n), member(3n)] },
    store: { hashKv: async () => this.own, storedHashes: () => this.stored },
    peerRequests: {
      send: async (url: string, { body }: { body: string }) => {
        const { revision } = JSON.parse(body);
        this.asked.push(`${url} ${revision}`);
        const peer = this.peers.get(`${url} ${revision}`);
        if (peer === undefined)
          return {
            status: 400,
            headers: {},
            body: Buffer.from("mvcc: required revision is a future revision\n"),
          };
        const [hash, compact_revision] = peer;
        return {
          status: 200,
          headers: {},
          body: Buffer.from(JSON.stringify({ header: { revision: 9 }, hash, compact_revision })),
        };
      },
    },
  } as unknown as ComparisonContext;
}

test("the initial check refuses to start on data that others see otherwise", async () => {
  const harness = new Harness();
  await initialCheck(harness.context);
  harness.peers.set("http://2 9", [10, 3]).set("http://3 9", [11, 2]);
  await initialCheck(harness.context);
  harness.peers.set("http://3 9", [11, 3]);
  await assert.rejects(initialCheck(harness.context), { message: "1a found data inconsistency with peers" });
  assert.deepEqual(harness.raised, []);
});

test("the periodic check raises one alarm, and not the same again", async () => {
  const harness = new Harness();
  const monitor = new CorruptionMonitor(harness.context);
  harness.peers.set("http://2 9", [12, 3]).set("http://3 9", [11, 3]);
  await monitor.checkAll();
  assert.deepEqual(harness.raised, [2n]);
  await monitor.checkAll();
  assert.deepEqual(harness.raised, [2n]);
});

test("compactions are compared from the newest on, until all members have one", async () => {
  const harness = new Harness();
  const monitor = new CorruptionMonitor(harness.context);
  const stored = (hashRevision: number) => ({ hash: hashRevision, compactRevision: 1, hashRevision });
  harness.stored = [stored(30), stored(20), stored(10)];
  harness.peers.set("http://2 30", [30, 1]);
  for (const revision of [20, 10]) {
    for (const url of ["http://2", "http://3"]) harness.peers.set(`${url} ${revision}`, [revision, 1]);
  }
  await monitor.checkCompactions();
  assert.deepEqual(harness.asked, ["http://2 30", "http://3 30", "http://2 20", "http://3 20"]);
  harness.asked.length = 0;
  await monitor.checkCompactions();
  assert.deepEqual(harness.asked, ["http://2 30", "http://3 30"]);
  harness.peers.set("http://3 30", [31, 1]);
  await monitor.checkCompactions();
  assert.deepEqual(harness.raised, [3n]);
});

test("without a majority one alarm stands for the whole cluster", async () => {
  const harness = new Harness();
  harness.stored = [{ hash: 1, compactRevision: 1, hashRevision: 30 }];
  harness.peers.set("http://2 30", [2, 1]).set("http://3 30", [3, 1]);
  await new CorruptionMonitor(harness.context).checkCompactions();
  assert.deepEqual(harness.raised, [0n]);
});

test("checks run at their periods, on the leader, until they are stopped", async () => {
  const harness = new Harness();
  harness.config.corruptCheckMs = 1_000;
  harness.config.features.CompactHashCheck = true;
  harness.stored = [{ hash: 1, compactRevision: 1, hashRevision: 30 }];
  const monitor = new CorruptionMonitor(harness.context);
  monitor.start();
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      harness.clock.advance(500);
      await settle();
    }
  };
  await pass(2_500);
  assert.deepEqual(harness.asked, ["http://2 9", "http://3 9", "http://2 9", "http://3 9"]);
  harness.consensus.isLeader = false;
  await pass(3_000);
  assert.equal(harness.asked.length, 4);
  harness.consensus.isLeader = true;
  await pass(55_000);
  assert.ok(harness.asked.includes("http://2 30"));
  monitor.stop();
  harness.asked.length = 0;
  await pass(120_000);
  assert.deepEqual(harness.asked, []);
});

test("a check that fails is followed by the next, and one that is stopped raises nothing", async () => {
  const harness = new Harness();
  harness.config.corruptCheckMs = 1_000;
  harness.peers.set("http://2 9", [12, 3]);
  const monitor = new CorruptionMonitor(harness.context);
  harness.consensus.linearizable = () => Promise.reject(new Error("etcdserver: request timed out"));
  monitor.start();
  harness.clock.advance(1_000);
  await settle();
  let finish = () => {};
  harness.consensus.linearizable = () => new Promise((resolve) => (finish = () => resolve()));
  harness.clock.advance(1_000);
  await settle();
  assert.equal(harness.asked.length, 4);
  monitor.stop();
  finish();
  await settle();
  assert.deepEqual(harness.raised, []);
});

test("the features and periods of the flags decide what runs", async () => {
  const harness = new Harness();
  new CorruptionMonitor(harness.context).start();
  harness.stored = [{ hash: 1, compactRevision: 1, hashRevision: 30 }];
  harness.clock.advance(600_000);
  await settle();
  assert.deepEqual(harness.asked, []);
});
