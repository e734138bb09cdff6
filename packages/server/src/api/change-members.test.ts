import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfChangeType } from "@quorate/raft";
import { encode } from "@quorate/wire";
import {
  MemberAddRequestSchema,
  MemberPromoteRequestSchema,
  MemberRemoveRequestSchema,
  MemberUpdateRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { memberId } from "../cluster/ids.ts";
import { NOBODY } from "../operations/caller.ts";
import { MEMBER_ADD } from "../operations/member-add.ts";
import type { MemberChange } from "../operations/member-change.ts";
import { MEMBER_PROMOTE } from "../operations/member-promote.ts";
import { MEMBER_REMOVE } from "../operations/member-remove.ts";
import { MEMBER_UPDATE } from "../operations/member-update.ts";
import { changeMembers } from "./change-members.ts";
import { ClusterHarness, failureOf, settle, testMember } from "./cluster-context.testing.ts";

const NEVER = new AbortController().signal;
const three = () => new ClusterHarness([testMember(1), testMember(2), testMember(3)]);

/** As the services do, from the bytes of a request on. */
async function change<Request>(
  { clock, context }: ClusterHarness,
  operation: MemberChange<Request>,
  message: Uint8Array,
  signal = NEVER,
) {
  const request = operation.decode(message, Math.floor(clock.wallMs() / 1_000));
  operation.check(request);
  return {
    request,
    members: await changeMembers(context, operation, request, { ...NOBODY, signal }),
  };
}

async function addMember(cluster: ClusterHarness, peerURLs: string[], isLearner: boolean) {
  const message = encode(MemberAddRequestSchema, { peerURLs, isLearner });
  const { request: added, members } = await change(cluster, MEMBER_ADD, message);
  return { added, members };
}

async function removeMember(cluster: ClusterHarness, ID: bigint, signal = NEVER) {
  return (await change(cluster, MEMBER_REMOVE, encode(MemberRemoveRequestSchema, { ID }), signal)).members;
}

async function updateMember(cluster: ClusterHarness, ID: bigint, peerURLs: string[]) {
  return (await change(cluster, MEMBER_UPDATE, encode(MemberUpdateRequestSchema, { ID, peerURLs }))).members;
}

async function promoteLocally(cluster: ClusterHarness, ID: bigint) {
  return (await change(cluster, MEMBER_PROMOTE, encode(MemberPromoteRequestSchema, { ID }))).members;
}

const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

test("a member is added under an ID made of its URLs and the time", async () => {
  const cluster = three();
  cluster.connectAll(6_000);
  const urls = [" http://10.0.0.9:2380", "HTTP://10.0.0.8:2380"];
  const { added, members } = await addMember(cluster, urls, false);
  const peerUrls = ["http://10.0.0.8:2380", "http://10.0.0.9:2380"];
  const id = memberId(peerUrls, "", Math.floor(cluster.clock.wallMs() / 1_000));
  assert.deepEqual(added, { id, peerUrls, isLearner: false, name: "", clientUrls: [] });
  assert.deepEqual(
    members.map((member) => member.id),
    [1n, 2n, 3n, id],
  );
  const [change] = cluster.confChanges;
  assert.equal(change!.type, ConfChangeType.ConfChangeAddNode);
  assert.equal(textOf(change!.context), `{"id":${id},"peerURLs":${JSON.stringify(peerUrls)}}`);
  assert.notEqual(change!.id, undefined);
});

test("a learner is added as one, and only as many as may be", async () => {
  const cluster = three();
  cluster.connectAll(6_000);
  const { added } = await addMember(cluster, ["http://10.0.0.8:2380"], true);
  assert.equal(cluster.membership.member(added.id)?.isLearner, true);
  assert.equal(cluster.confChanges[0]!.type, ConfChangeType.ConfChangeAddLearnerNode);
  assert.match(textOf(cluster.confChanges[0]!.context), /"isLearner":true\}$/);
  const second = addMember(cluster, ["http://10.0.0.9:2380"], true);
  assert.equal(await failureOf(second), "TOO_MANY_LEARNERS");
});

test("equal URLs within one second collide on the ID, later on the URLs", async () => {
  const cluster = new ClusterHarness([testMember(1)]);
  await addMember(cluster, ["http://10.0.0.8:2380"], true);
  const again = () => failureOf(addMember(cluster, ["http://10.0.0.8:2380"], true));
  assert.equal(await again(), "MEMBER_EXISTS");
  cluster.clock.advance(1_000);
  assert.equal(await again(), "PEER_URL_EXISTS");
});

for (const urls of [
  [],
  [""],
  ["10.0.0.8:2380"],
  ["http://10.0.0.8"],
  ["http://10.0.0.8:2380/x"],
  ["ftp://a:1"],
]) {
  test(`URLs that no member can have: ${JSON.stringify(urls)}`, async () => {
    const cluster = three();
    assert.equal(await failureOf(addMember(cluster, urls, false)), "BAD_MEMBER_URLS");
    assert.deepEqual(cluster.confChanges, []);
  });
}

test("without the strict check the log decides alone", async () => {
  const cluster = three();
  const add = () => failureOf(addMember(cluster, ["http://10.0.0.8:2380"], false));
  const remove = () => failureOf(removeMember(cluster, 1n));
  assert.equal(await add(), "UNHEALTHY");
  assert.equal(await remove(), "UNHEALTHY");
  cluster.config.strictReconfigCheck = false;
  assert.equal(await add(), "none");
  assert.equal(await remove(), "none");
});

test("a cluster of one takes one voter, and no second before that has started", async () => {
  const cluster = new ClusterHarness([testMember(1)]);
  const add = (port: number) => failureOf(addMember(cluster, [`http://10.0.0.8:${port}`], false));
  assert.equal(await add(1), "none");
  assert.equal(await add(2), "NOT_ENOUGH_STARTED_MEMBERS");
  // Even for a member that does not exist.
  assert.equal(await failureOf(removeMember(cluster, 99n)), "NOT_ENOUGH_STARTED_MEMBERS");
});

test("members are removed and updated, known ones", async () => {
  const cluster = three();
  cluster.connectAll(6_000);
  const updated = await updateMember(cluster, 2n, ["anything"]);
  assert.deepEqual(updated[1], testMember(2, { peerUrls: ["anything"] }));
  assert.equal(textOf(cluster.confChanges[0]!.context), '{"id":2,"peerURLs":["anything"]}');
  assert.equal(await failureOf(updateMember(cluster, 9n, ["x"])), "MEMBER_NOT_FOUND");
  assert.equal(await failureOf(updateMember(cluster, 2n, ["http://10.0.0.3:2380"])), "PEER_URL_EXISTS");
  assert.equal(await failureOf(removeMember(cluster, 9n)), "MEMBER_NOT_FOUND");
  const members = await removeMember(cluster, 3n);
  assert.deepEqual(
    members.map(({ id }) => id),
    [1n, 2n],
  );
  assert.equal(await failureOf(removeMember(cluster, 3n)), "MEMBER_REMOVED");
});

const promotions: { name: string; learner: number | undefined; leader: number; want: string }[] = [
  { name: "89 of 100", learner: 89, leader: 100, want: "LEARNER_NOT_READY" },
  { name: "90 of 100", learner: 90, leader: 100, want: "none" },
  { name: "never heard of", learner: 0, leader: 100, want: "LEARNER_NOT_READY" },
  { name: "nothing of nothing", learner: 0, leader: 0, want: "none" },
  { name: "unknown to raft", learner: undefined, leader: 100, want: "MEMBER_NOT_FOUND" },
];

for (const { name, learner, leader, want } of promotions) {
  test(`a learner is promoted when its log is near the leader's: ${name}`, async () => {
    const cluster = new ClusterHarness([testMember(1), testMember(2), testMember(7, { isLearner: true })]);
    cluster.consensus.matches.set(1n, leader);
    if (learner !== undefined) cluster.consensus.matches.set(7n, learner);
    assert.equal(await failureOf(promoteLocally(cluster, 7n)), want);
    assert.equal(cluster.membership.member(7n)?.isLearner, want !== "none");
    if (want === "none") {
      assert.equal(textOf(cluster.confChanges[0]!.context), '{"id":7,"peerURLs":null,"isPromote":true}');
    }
  });
}

test("what else keeps a learner from being promoted, in order", async () => {
  const cluster = new ClusterHarness([
    testMember(1),
    testMember(2, { name: "" }),
    testMember(3, { name: "" }),
    testMember(7, { isLearner: true }),
  ]);
  const promote = (id: bigint) => failureOf(promoteLocally(cluster, id));
  for (const id of [1n, 2n, 3n]) cluster.consensus.matches.set(id, 100);
  cluster.consensus.matches.set(7n, 10);
  cluster.consensus.catchesUp = false;
  cluster.consensus.leader = 2n;
  assert.equal(await promote(7n), "TIMEOUT_APPLIED_INDEX");
  cluster.consensus.catchesUp = true;
  assert.equal(await promote(7n), "NOT_LEADER");
  cluster.consensus.leader = 1n;
  assert.equal(await promote(7n), "LEARNER_NOT_READY");
  cluster.consensus.matches.set(7n, 100);
  assert.equal(await promote(7n), "NOT_ENOUGH_STARTED_MEMBERS");
  cluster.config.strictReconfigCheck = false;
  assert.equal(await promote(2n), "MEMBER_NOT_LEARNER");
  assert.equal(await promote(7n), "none");
});

test("a change waits for a leader as long as its caller does", async () => {
  const cluster = three();
  cluster.connectAll(6_000);
  cluster.consensus.leader = 0n;
  const caller = new AbortController();
  const given = failureOf(removeMember(cluster, 3n));
  const canceled = failureOf(removeMember(cluster, 2n, caller.signal));
  await cluster.advance(1_000);
  assert.deepEqual(cluster.confChanges, []);
  caller.abort();
  assert.equal(await canceled, "CANCELED");
  cluster.consensus.leader = 2n;
  await cluster.advance(200);
  assert.equal(await given, "none");
});

test("a change that never ends is given up with its caller", async () => {
  const cluster = three();
  cluster.connectAll(6_000);
  cluster.hang();
  const caller = new AbortController();
  const failure = failureOf(removeMember(cluster, 3n, caller.signal));
  await settle();
  caller.abort();
  assert.equal(await failure, "CANCELED");
  assert.deepEqual(cluster.abandoned, [cluster.confChanges[0]!.id]);
});
