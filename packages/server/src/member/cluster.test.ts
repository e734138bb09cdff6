import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { GrpcClient } from "@quorate/rpc/client";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import type { WalStart } from "@quorate/storage/wal/recovery";
import { findStart } from "@quorate/storage/wal/snapshot-records";
import { Wal } from "@quorate/storage/wal/wal";
import { freePorts } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { decode, encode } from "@quorate/wire";
import {
  type HashKVResponse,
  HashKVResponseSchema,
  LeaseGrantRequestSchema,
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MoveLeaderRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  StatusResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { receivedDatabasePath } from "../snapshot/received-database.ts";
import { Member } from "./member.ts";
import type { MemberOptions } from "./options.ts";
import { connect, get, put } from "./testing.ts";
import { addUser, login, mustDo, overGrpc } from "./ways-to-ask.testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-cluster-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
const NO_BYTES = new Uint8Array(0);

/** A running cluster, and a client of each of its members. */
class Cluster implements AsyncDisposable {
  readonly members = new Map<string, Member>();
  readonly clients = new Map<string, GrpcClient>();
  readonly #options: Partial<MemberOptions>;
  readonly #directory = mkdtempSync(path.join(root, "cluster-"));
  readonly peerUrls = new Map<string, string>();

  constructor(options: Partial<MemberOptions> = {}) {
    this.#options = options;
  }

  static async start(size: number, options: Partial<MemberOptions> = {}): Promise<Cluster> {
    const cluster = new Cluster(options);
    const ports = await freePorts(size);
    for (const [i, port] of ports.entries()) cluster.peerUrls.set(`m${i + 1}`, `http://127.0.0.1:${port}`);
    await Promise.all([...cluster.peerUrls.keys()].map((name) => cluster.startMember(name)));
    return cluster;
  }

  async startMember(name: string, options: Partial<MemberOptions> = {}): Promise<void> {
    const peerUrl = this.peerUrls.get(name)!;
    const member = await Member.start({
      name,
      dataDir: this.dataDir(name),
      listenPeerUrls: [peerUrl],
      initialAdvertisePeerUrls: [peerUrl],
      initialCluster: [...this.peerUrls].map(([each, url]) => ({ name: each, peerUrls: [url] })),
      advertiseClientUrls: [`http://${name}.invalid:2379`],
      heartbeatMs: 50,
      electionTicks: 10,
      ...this.#options,
      ...options,
    });
    this.members.set(name, member);
    this.clients.set(name, await connect(member));
  }

  /** Through the first member; resolves with the ID that it got. */
  async addLearner(name: string): Promise<bigint> {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const request = encode(MemberAddRequestSchema, { peerURLs: [url], isLearner: true });
    const response = await this.clients.get("m1")!.unary("/etcdserverpb.Cluster/MemberAdd", request);
    this.peerUrls.set(name, url);
    await this.startMember(name, { initialClusterState: "existing" });
    return decode(MemberAddResponseSchema, response).member!.ID;
  }

  async stopMember(name: string): Promise<void> {
    this.clients.get(name)?.close();
    this.clients.delete(name);
    const member = this.members.get(name);
    this.members.delete(name);
    await member?.close();
  }

  dataDir(name: string): string {
    return path.join(this.#directory, name);
  }

  async put(name: string, key: string, value: string | Uint8Array): Promise<void> {
    await put(this.clients.get(name)!, key, value);
  }

  async get(name: string, key: string): Promise<string | undefined> {
    const kv = (await get(this.clients.get(name)!, key)).kvs[0];
    return kv === undefined ? undefined : Buffer.from(kv.value).toString();
  }

  async status(name: string) {
    const response = await this.clients.get(name)!.unary("/etcdserverpb.Maintenance/Status", NO_BYTES);
    return decode(StatusResponseSchema, response);
  }

  async leader(): Promise<string> {
    let leading: string | undefined;
    await until(async () => {
      for (const name of this.members.keys()) {
        const { leader, header } = await this.status(name);
        if (leader === header!.memberId) leading = name;
      }
      return leading !== undefined;
    });
    return leading!;
  }

  async followers(): Promise<string[]> {
    const leader = await this.leader();
    return [...this.members.keys()].filter((name) => name !== leader);
  }

  /** Of every member; waits until all have applied the same. */
  async hashes(): Promise<number[]> {
    let answers: HashKVResponse[] = [];
    await until(async () => {
      answers = await Promise.all(
        [...this.clients.values()].map(async (client) =>
          decode(HashKVResponseSchema, await client.unary("/etcdserverpb.Maintenance/HashKV", NO_BYTES)),
        ),
      );
      return new Set(answers.map((answer) => answer.header!.revision)).size === 1;
    });
    return answers.map((answer) => answer.hash);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.members.keys()].map((name) => this.stopMember(name)));
  }
}

test("three members elect a leader, and any of them takes writes and linearizable reads", async () => {
  await using cluster = await Cluster.start(3);
  const names = [...cluster.members.keys()];
  for (const writer of names) {
    await cluster.put(writer, `from-${writer}`, writer);
    for (const reader of names) assert.equal(await cluster.get(reader, `from-${writer}`), writer);
  }
  assert.equal(new Set(await cluster.hashes()).size, 1);
});

test("when the leader stops the others go on, and it catches up when it comes back", async () => {
  await using cluster = await Cluster.start(3);
  const first = await cluster.leader();
  await cluster.put(first, "a", "1");
  await cluster.stopMember(first);
  const second = await cluster.leader();
  assert.notEqual(second, first);
  for (let i = 0; i < 50; i++) await cluster.put(second, "a", String(i));
  await cluster.startMember(first);
  assert.equal(await cluster.get(first, "a"), "49");
  assert.equal(new Set(await cluster.hashes()).size, 1);
});

test("all members stop and start again with everything they had", async () => {
  await using cluster = await Cluster.start(3);
  const names = [...cluster.members.keys()];
  for (let i = 0; i < 20; i++) await cluster.put(names[i % 3]!, `k${i}`, String(i));
  await Promise.all(names.map((name) => cluster.stopMember(name)));
  await Promise.all(names.map((name) => cluster.startMember(name)));
  for (let i = 0; i < 20; i++) assert.equal(await cluster.get(names[(i + 1) % 3]!, `k${i}`), String(i));
});

test("a follower that was away too long gets the state as a snapshot, and serves it", async () => {
  await using cluster = await Cluster.start(3, { snapshotCount: 100, snapshotCatchupEntries: 50 });
  const [away] = await cluster.followers();
  await cluster.put(away!, "before", "1");
  await cluster.stopMember(away!);
  const leader = await cluster.leader();
  const writes = Array.from({ length: 1_500 }, (_, i) => cluster.put(leader, `k${i % 300}`, String(i)));
  await Promise.all(writes);
  await cluster.startMember(away!);
  assert.equal(await cluster.get(away!, "before"), "1");
  assert.equal(await cluster.get(away!, "k7"), "1207");
  await cluster.put(away!, "after", "2");
  assert.equal(await cluster.get(leader, "after"), "2");
  assert.equal(new Set(await cluster.hashes()).size, 1);
  // What it got is durable: it comes back with it.
  await cluster.stopMember(away!);
  await cluster.startMember(away!);
  assert.equal(await cluster.get(away!, "k7"), "1207");
});

test("a follower that gets the state as a snapshot judges by the users in it, and ends their leases", async () => {
  await using cluster = await Cluster.start(3, {
    snapshotCount: 100,
    snapshotCatchupEntries: 50,
    bcryptCost: 4,
  });
  const [away] = await cluster.followers();
  const ask = overGrpc(cluster.clients.get(await cluster.leader())!);
  await addUser(ask, "root", []);
  await addUser(ask, "u", [[2, "u", ""]]);
  await cluster.stopMember(away!);
  await mustDo(ask, "Auth/AuthEnable");
  const root = await login(ask, "root");
  const put = (key: string, lease = 0n) => encode(PutRequestSchema, { key: Buffer.from(key), lease });
  await Promise.all(Array.from({ length: 400 }, () => mustDo(ask, "KV/Put", put("k"), root)));
  await cluster.startMember(away!);
  const askAway = overGrpc(cluster.clients.get(away!)!);
  assert.equal((await askAway("KV/Put", put("u"))).failure, "USER_NAME_EMPTY");
  const token = await login(askAway, "u");
  assert.equal((await askAway("KV/Put", put("k"), token)).failure, "PERMISSION_DENIED");
  assert.equal((await askAway("KV/Put", put("u"), token)).failure, "none");
  const status = await mustDo(askAway, "Maintenance/Status", NO_BYTES, token);
  const targetID = decode(StatusResponseSchema, status).header!.memberId;
  await mustDo(ask, "Maintenance/MoveLeader", encode(MoveLeaderRequestSchema, { targetID }), root);
  const lease = encode(LeaseGrantRequestSchema, { ID: 7n, TTL: 1n });
  await mustDo(askAway, "Lease/LeaseGrant", lease, token);
  await mustDo(askAway, "KV/Put", put("u", 7n), token);
  const read = encode(RangeRequestSchema, { key: Buffer.from("u") });
  for (const [each, who] of [
    [askAway, token],
    [ask, root],
  ] as const) {
    await until(
      async () => decode(RangeResponseSchema, await mustDo(each, "KV/Range", read, who)).count === 0n,
    );
  }
});

for (const received of ["damaged", "missing"] as const) {
  test(`a member whose received snapshot is ${received} when it starts gets it again, and votes with the log it has`, async () => {
    await using cluster = await Cluster.start(3, { snapshotCount: 100, snapshotCatchupEntries: 50 });
    const [away, other] = await cluster.followers();
    await cluster.put(away!, "before", "1");
    await cluster.stopMember(away!);
    const leader = await cluster.leader();
    await Promise.all(Array.from({ length: 1_500 }, (_, i) => cluster.put(leader, `k${i % 300}`, String(i))));
    // As if it had died after its log had named a snapshot, and its disk had lost the database.
    const { raftIndex, raftTerm } = await cluster.status(leader);
    const snapshot = { index: Number(raftIndex) - 10, term: Number(raftTerm) };
    await nameReceivedSnapshot(path.join(cluster.dataDir(away!), "member/wal"), snapshot);
    const file = receivedDatabasePath(path.join(cluster.dataDir(away!), "member/snap"), snapshot.index);
    if (received === "damaged") writeFileSync(file, new Uint8Array(100_000));

    await cluster.startMember(away!);
    assert.equal(await cluster.get(away!, "before"), "1");
    assert.equal(await cluster.get(away!, "k7"), "1207");
    assert.equal(existsSync(file), false);
    // A quorum needs it now.
    await cluster.stopMember(other!);
    await cluster.put(away!, "after", "2");
    assert.equal(await cluster.get(leader, "after"), "2");
    assert.equal(new Set(await cluster.hashes()).size, 1);
    await cluster.stopMember(away!);
    await cluster.startMember(away!);
    assert.equal(await cluster.get(away!, "after"), "2");
  });
}

/** What a log says of a snapshot that was received, from before its database has become the state. */
async function nameReceivedSnapshot(directory: string, snapshot: WalStart): Promise<void> {
  const disk = new RealDisk();
  const { snapshot: start } = await findStart(disk, directory);
  const { wal, content } = await Wal.open(disk, directory, start);
  const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  await wal.saveSnapshot({ ...snapshot, confState });
  wal.save({ ...content.hardState, commit: snapshot.index }, []);
  await wal.close();
}

test("a learner joins, is promoted, and can lead", async () => {
  await using cluster = await Cluster.start(1);
  for (let i = 0; i < 100; i++) await cluster.put("m1", `k${i}`, String(i));
  const id = await cluster.addLearner("m2");
  assert.equal((await cluster.status("m2")).isLearner, true);
  const promotion = encode(MemberPromoteRequestSchema, { ID: id });
  await until(() =>
    cluster.clients
      .get("m1")!
      .unary("/etcdserverpb.Cluster/MemberPromote", promotion)
      .then(
        () => true,
        (error) => {
          assert.match((error as Error).message, /in sync with leader/);
          return false;
        },
      ),
  );
  // The others learn of it a little later than the leader.
  await until(async () => !(await cluster.status("m2")).isLearner);
  assert.equal(await cluster.get("m2", "k42"), "42");
  await cluster.clients
    .get("m1")!
    .unary("/etcdserverpb.Maintenance/MoveLeader", encode(MoveLeaderRequestSchema, { targetID: id }));
  assert.equal(await cluster.leader(), "m2");
  await cluster.put("m1", "through-m1", "x");
  assert.equal(await cluster.get("m2", "through-m1"), "x");
  assert.equal(new Set(await cluster.hashes()).size, 1);
});

test("when a majority is lost for good, one member goes on alone with everything it had", async () => {
  await using cluster = await Cluster.start(3);
  const names = [...cluster.members.keys()];
  for (let i = 0; i < 20; i++) await cluster.put("m1", `k${i}`, String(i));
  await cluster.hashes();
  await Promise.all(names.map((name) => cluster.stopMember(name)));
  await cluster.startMember("m2", { forceNewCluster: true });
  assert.equal(await cluster.leader(), "m2");
  for (let i = 0; i < 20; i++) assert.equal(await cluster.get("m2", `k${i}`), String(i));
  await cluster.put("m2", "alone", "yes");
  const list = decode(
    MemberListResponseSchema,
    await cluster.clients.get("m2")!.unary("/etcdserverpb.Cluster/MemberList", NO_BYTES),
  );
  assert.deepEqual(
    list.members.map(({ name }) => name),
    ["m2"],
  );
  // It is one member from now on, without being told so again.
  await cluster.stopMember("m2");
  await cluster.startMember("m2");
  assert.equal(await cluster.get("m2", "alone"), "yes");
});

test("a learner whose voters are all lost becomes a cluster of its own, for good", async () => {
  await using cluster = await Cluster.start(1);
  for (let i = 0; i < 20; i++) await cluster.put("m1", `k${i}`, String(i));
  await cluster.addLearner("m2");
  const applied = async (name: string) => (await cluster.status(name)).raftAppliedIndex;
  await until(async () => (await applied("m2")) >= (await applied("m1")));
  await cluster.stopMember("m2");
  await cluster.stopMember("m1");
  await cluster.startMember("m2", { forceNewCluster: true });
  // Also a second time: the flag may have been left in a unit file.
  for (const options of [{}, { forceNewCluster: true }, {}]) {
    assert.equal(await cluster.leader(), "m2");
    assert.equal((await cluster.status("m2")).isLearner, false);
    assert.equal(await cluster.get("m2", "k19"), "19");
    await cluster.put("m2", "alone", "yes");
    const list = decode(
      MemberListResponseSchema,
      await cluster.clients.get("m2")!.unary("/etcdserverpb.Cluster/MemberList", NO_BYTES),
    );
    assert.deepEqual(
      list.members.map(({ name, isLearner }) => [name, isLearner]),
      [["m2", false]],
    );
    await cluster.stopMember("m2");
    await cluster.startMember("m2", options);
  }
  assert.equal(await cluster.get("m2", "alone"), "yes");
});
