import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { realClock } from "@quorate/storage/seams/real-clock";
import { clusterId, formatId, memberId } from "./ids.ts";
import { type ClusterMember, decodeMember, encodeMember } from "./member-json.ts";
import { Membership } from "./membership.ts";
import { RequestIds } from "./request-ids.ts";

test("member and cluster IDs are etcd's", () => {
  const ids = ["http://127.0.0.1:2380", "http://127.0.0.1:22380", "http://127.0.0.1:32380"].map((url) =>
    memberId([url], "etcd-cluster"),
  );
  assert.deepEqual(ids.map(formatId), ["b71f75320dc06a6c", "9e737febb6b99eee", "628170c800dbcee"]);
  assert.equal(formatId(clusterId(ids)), "66d3a070bf89b39");
  assert.equal(clusterId(ids), clusterId(ids.toReversed()));
  const alone = memberId(["http://localhost:2380"], "etcd-cluster");
  assert.equal(formatId(alone), "8e9e05c52164694d");
  assert.equal(formatId(clusterId([alone])), "cdf818194e3a8c32");
  assert.equal(memberId(["http://10.0.0.8:2379"], "", 472662245), 2448790162483548276n);
  assert.equal(memberId(["http://10.0.0.2:2379", "http://10.0.0.1:2379"], ""), 16552244735972308939n);
});

test("request IDs carry the member's low bits and the time, and count up", () => {
  const ids = new RequestIds(0x8e9e05c52164694dn, 1_700_000_000_000);
  assert.equal(ids.next(), 0x694d8bcfe5680001n);
  assert.equal(ids.next(), 0x694d8bcfe5680002n);
  assert.equal(new RequestIds(0x12n, 0x3456).next(), 0x12000000345601n);
});

test("members whose IDs end alike and that start at one time do not count alike", () => {
  const startMs = 1_700_000_000_000;
  const [a, b] = [0x1111_2222_3333_abcdn, 0x9999_8888_7777_abcdn].map((id) =>
    RequestIds.ofMember(id, startMs),
  );
  const first = BigInt.asUintN(48, a!.next());
  const second = BigInt.asUintN(48, b!.next());
  const apart = first > second ? first - second : second - first;
  // A million requests a second for a year.
  assert.ok(apart > 31_536_000_000_000n, `${apart}`);
  const again = BigInt.asUintN(48, RequestIds.ofMember(0x1111_2222_3333_abcdn, startMs + 1).next());
  assert.equal(again - first, 256n, "a later start goes on behind an earlier one");
});

const member: ClusterMember = {
  id: 443629905751424238n,
  peerUrls: ["http://127.0.0.1:32380"],
  isLearner: false,
  name: "infra3",
  clientUrls: [],
};

test("a member's JSON keeps all 64 bits and escapes what Go escapes", () => {
  const text = '{"id":443629905751424238,"peerURLs":["http://127.0.0.1:32380"],"name":"infra3"}';
  assert.equal(encodeMember(member), text);
  assert.deepEqual(decodeMember(text), member);
  const odd = { ...member, id: 2n ** 64n - 1n, name: "<a&b>", isLearner: true, clientUrls: ["http://x:1"] };
  assert.match(encodeMember(odd), /\\u003ca\\u0026b\\u003e/);
  assert.deepEqual(decodeMember(encodeMember(odd)), odd);
  for (const bad of ["", "{}", '{"id":"1"}', '{"id":-1}', "[]"]) assert.throws(() => decodeMember(bad), bad);
});

test("membership is what the tables say, also after a restart", () => {
  const backend = new MemoryBackend({ clock: realClock });
  const membership = new Membership(backend, 1n, member.id);
  membership.applyAdd(member);
  membership.applyAdd({ ...member, id: 7n, name: "" });
  assert.equal(membership.applyAttributes(7n, "seven", ["http://c:1"]), true);
  assert.equal(membership.applyAttributes(8n, "eight", []), false);
  membership.applyRemove(member.id);
  assert.equal(membership.isVersionAtLeast(3, 0), false);
  membership.applyVersion("3.7.0");
  const again = new Membership(backend, 1n, 7n);
  again.restore();
  assert.deepEqual(
    again.members.map(({ id, name }) => [id, name]),
    [[7n, "seven"]],
  );
  assert.equal(again.isRemoved(member.id), true);
  assert.deepEqual(again.removedIds, [member.id]);
  assert.deepEqual(
    [
      [3, 6],
      [3, 7],
      [3, 8],
      [2, 9],
    ].map(([major, minor]) => again.isVersionAtLeast(major!, minor!)),
    [true, true, false, true],
  );
});
