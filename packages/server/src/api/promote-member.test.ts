import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMemberList } from "../cluster/member-json.ts";
import { RequestError } from "../errors.ts";
import { NOBODY } from "../operations/caller.ts";
import { ClusterHarness, failureOf, testMember } from "./cluster-context.testing.ts";
import { promoteMember } from "./promote-member.ts";

const PATIENT = { ...NOBODY, signal: new AbortController().signal };
const PROMOTED = encodeMemberList([testMember(1), testMember(2), testMember(7)]);

/** Member 2 leads, at two URLs. */
function follower(): ClusterHarness {
  const urls = ["http://10.0.0.2:2380", "http://10.0.1.2:2380"];
  const harness = new ClusterHarness([
    testMember(1),
    testMember(2, { peerUrls: urls }),
    testMember(7, { isLearner: true }),
  ]);
  harness.consensus.leader = 2n;
  return harness;
}

test("a promotion goes to the leader, with the caller's token", async () => {
  const harness = follower();
  harness.peers.answer = () => ({ text: PROMOTED });
  const members = await promoteMember(harness.context, 7n, "secret", PATIENT);
  assert.deepEqual(members.at(-1), testMember(7));
  const [{ url, request }] = harness.peers.asked as [(typeof harness.peers.asked)[0]];
  assert.equal(url, "http://10.0.0.2:2380/members/promote/7");
  assert.equal(request.method, "POST");
  assert.deepEqual(request.headers, { authorization: "secret" });
  assert.deepEqual(harness.confChanges, []);
});

test("a leader promotes by itself", async () => {
  const harness = follower();
  harness.consensus.leader = 1n;
  harness.consensus.matches.set(1n, 10).set(7n, 10);
  await promoteMember(harness.context, 7n, undefined, PATIENT);
  assert.equal(harness.membership.member(7n)?.isLearner, false);
  assert.deepEqual(harness.peers.asked, []);
});

const final: { status: number; text: string; want: string }[] = [
  { status: 404, text: "membership: ID not found\n", want: "MEMBER_NOT_FOUND" },
  { status: 404, text: "404 page not found\n", want: "MEMBER_NOT_FOUND" },
  { status: 412, text: "membership: can only promote a learner member\n", want: "MEMBER_NOT_LEARNER" },
  {
    status: 412,
    text: "etcdserver: can only promote a learner member which is in sync with leader\n",
    want: "LEARNER_NOT_READY",
  },
];

for (const { status, text, want } of final) {
  test(`the leader's refusal is final: ${status} ${text.trim()}`, async () => {
    const harness = follower();
    harness.peers.answer = () => ({ status, text });
    assert.equal(await failureOf(promoteMember(harness.context, 7n, undefined, PATIENT)), want);
    assert.equal(harness.peers.asked.length, 1);
  });
}

const passing: { name: string; answer: { status?: number; text?: string } | undefined }[] = [
  { name: "no answer", answer: undefined },
  { name: "a time limit", answer: { status: 408, text: "request timed out" } },
  { name: "an internal error", answer: { status: 500, text: '{"message":"Internal Server Error"}' } },
  { name: "a precondition that is unknown", answer: { status: 412, text: "cluster ID mismatch" } },
  { name: "a redirect", answer: { status: 302 } },
  { name: "a success that is none", answer: { status: 200, text: "<html>" } },
];

for (const { name, answer } of passing) {
  test(`${name} is tried again, at the next URL, until the time is over`, async () => {
    const harness = follower();
    harness.peers.answer = () => {
      if (answer === undefined) throw new Error("connection refused");
      return answer;
    };
    const failure = failureOf(promoteMember(harness.context, 7n, undefined, PATIENT));
    await harness.advance(7_000);
    assert.equal(await failure, "TIMEOUT");
    assert.ok(harness.peers.asked.length > 10);
    assert.equal(harness.peers.asked[1]!.url, "http://10.0.1.2:2380/members/promote/7");
    assert.ok(harness.peers.asked.every(({ request }) => request.timeoutMs <= 7_000));
  });
}

test("the leader is asked that there is when there is one", async () => {
  const harness = follower();
  harness.consensus.leader = 0n;
  harness.peers.answer = () => ({ text: PROMOTED });
  const promoted = promoteMember(harness.context, 7n, undefined, PATIENT);
  await harness.advance(1_500);
  assert.deepEqual(harness.peers.asked, []);
  harness.consensus.leader = 2n;
  await harness.advance(1_000);
  assert.equal((await promoted).length, 3);
});

test("without a leader that is the answer", async () => {
  const harness = follower();
  harness.consensus.leader = 0n;
  const failure = failureOf(promoteMember(harness.context, 7n, undefined, PATIENT));
  await harness.advance(7_000);
  assert.equal(await failure, "NO_LEADER");
});

test("a caller that has gone ends it", async () => {
  const harness = follower();
  const caller = new AbortController();
  const failure = failureOf(
    promoteMember(harness.context, 7n, undefined, { ...NOBODY, signal: caller.signal }),
  );
  await harness.advance(300);
  caller.abort();
  assert.equal(await failure, "CANCELED");
  const asked = harness.peers.asked.length;
  await harness.advance(1_000);
  assert.equal(harness.peers.asked.length, asked);
});

test("what is refused here is not asked elsewhere", async () => {
  const harness = follower();
  harness.consensus.catchesUp = false;
  const failure = await failureOf(promoteMember(harness.context, 7n, undefined, PATIENT));
  assert.equal(failure, new RequestError("TIMEOUT_APPLIED_INDEX").code);
  assert.deepEqual(harness.peers.asked, []);
});
