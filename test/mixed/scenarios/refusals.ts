/** Questions that every member must answer in the same way, whoever leads. */
import assert from "node:assert/strict";
import { freePorts } from "@quorate/testkit/ports";
import { isUnanswered, textOf } from "../../cluster/client.ts";
import type { MemberProcess } from "../../cluster/member-process.ts";
import type { Arena } from "../../cluster/scenario.ts";
import { sameHashes } from "../agreement.ts";
import { etcdctl } from "../etcdctl.ts";
import { lead } from "../leadership.ts";
import { ETCD, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";
import { join } from "./strangers.ts";

const ATTEMPTS = 3;
const TIMEOUT_MS = 4_000;
const NOT_READY = "9 etcdserver: can only promote a learner member which is in sync with leader";
const NO_LEARNER = "9 etcdserver: can only promote a learner member";
const UNKNOWN_ID = "5 etcdserver: member not found";

/**
 * How a change is refused. One that reaches the leader before that is done with the one before is dropped without a word, and
 * has to be asked for again.
 */
async function refusal(ask: () => Promise<unknown>): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      await ask();
      return "no refusal";
    } catch (error) {
      if (!isUnanswered(error) || attempt === ATTEMPTS) return textOf(error);
    }
  }
}

/** Every member is asked to promote who cannot be promoted: the leader decides, others forward. */
async function promotionsRefused({ cluster }: Arena, learnerId: bigint): Promise<void> {
  const [voter] = cluster.members as [MemberProcess];
  for (const member of cluster.members) {
    const client = cluster.client(member);
    const promote = (ID: bigint) => refusal(() => client.memberPromote({ ID }, TIMEOUT_MS));
    assert.equal(await promote(learnerId), NOT_READY, `a learner that never ran, at ${member.name}`);
    assert.equal(await promote(voter.id), NO_LEARNER, `a voter, at ${member.name}`);
    assert.equal(await promote(12n), UNKNOWN_ID, `nobody, at ${member.name}`);
  }
}

async function additionsRefused({ cluster }: Arena, learnerUrl: string): Promise<void> {
  const [first] = cluster.members as [MemberProcess];
  const wanted: readonly (readonly [string[], boolean, string])[] = [
    [[learnerUrl], true, "9 etcdserver: Peer URLs already exists"],
    [[first.place.advertisedPeerUrl], false, "9 etcdserver: Peer URLs already exists"],
    [["http://127.0.0.1:1"], true, "9 etcdserver: too many learner members in cluster"],
    [["no url"], false, "3 etcdserver: given member URLs are invalid"],
  ];
  for (const member of cluster.members) {
    for (const [peerURLs, isLearner, text] of wanted) {
      const answer = await refusal(() =>
        cluster.client(member).memberAdd({ peerURLs, isLearner }, TIMEOUT_MS),
      );
      assert.equal(answer, text, `adding ${peerURLs} at ${member.name}`);
    }
  }
}

export const refusals: MixedScenario = {
  name: "refusals",
  what: "what cannot be is refused in the same words by every member, whoever leads",
  start: ETCD,
  needs: ["etcd"],
  size: 2,
  async run(arena) {
    const { cluster } = arena;
    const ours = await join(arena, QUORATE);
    const learnerUrl = `http://127.0.0.1:${(await freePorts(1))[0]}`;
    const learnerId = await cluster.enlist(learnerUrl, true);
    // The same URLs within one second make the same ID, which is another refusal.
    await arena.work(1_000);
    for (const leader of [ours, cluster.members[0]!]) {
      await lead(cluster, leader);
      await promotionsRefused(arena, learnerId);
      await additionsRefused(arena, learnerUrl);
    }
    await cluster.strike(learnerId);
    await harmlessQuestions(arena);
    await sameHashes(cluster);
    await endpointHashes(cluster.members);
  },
};

/** etcd puts these in the log of all members, though nothing changes. */
async function harmlessQuestions({ cluster }: Arena): Promise<void> {
  const theirs = cluster.members.slice(0, 1);
  for (const question of ["auth status", "auth disable", "user list", "role list"]) {
    await etcdctl(theirs, ...question.split(" "));
  }
  for (const what of ["user", "role"])
    await assert.rejects(etcdctl(theirs, what, "get", "nobody"), /not found/);
}

/** `endpoint hashkv` at one revision gives the same for every member. */
async function endpointHashes(members: readonly MemberProcess[]): Promise<void> {
  const [{ Status: status }] = JSON.parse(
    await etcdctl(members.slice(0, 1), "endpoint", "status", "-w", "json"),
  );
  const revision: number = status.header.revision;
  const printed = await etcdctl(members, "endpoint", "hashkv", "--rev", String(revision), "-w", "json");
  const hashes = (JSON.parse(printed) as { HashKV: { hash: number } }[]).map(({ HashKV }) => HashKV.hash);
  assert.equal(hashes.length, members.length);
  assert.equal(new Set(hashes).size, 1, printed);
}
