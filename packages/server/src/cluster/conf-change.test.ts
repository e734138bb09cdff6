import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfChange, ConfChangeType } from "@quorate/raft";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { realClock } from "@quorate/storage/seams/real-clock";
import {
  type ClusterMember,
  decodeConfChangeContext,
  decodeMemberList,
  encodeMember,
  encodeMemberContext,
  encodeMemberList,
  encodePromotionContext,
} from "./member-json.ts";
import { Membership, type MembershipChange } from "./membership.ts";

const url = (id: number | bigint) => `http://127.0.0.1:${id}`;

function member(id: number, changed: Partial<ClusterMember> = {}): ClusterMember {
  return {
    id: BigInt(id),
    peerUrls: [url(id)],
    isLearner: false,
    name: `m${id}`,
    clientUrls: [],
    ...changed,
  };
}

const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeUpdateNode } =
  ConfChangeType;

const add = (added: ClusterMember): ConfChange => ({
  type: added.isLearner ? ConfChangeAddLearnerNode : ConfChangeAddNode,
  nodeId: added.id,
  context: encodeMemberContext(added),
});
const update = (id: number, peerUrls: string[]): ConfChange => ({
  type: ConfChangeUpdateNode,
  nodeId: BigInt(id),
  context: encodeMemberContext(member(id, { peerUrls, name: "" })),
});
const remove = (id: number): ConfChange => ({ type: ConfChangeRemoveNode, nodeId: BigInt(id) });
const promote = (id: number): ConfChange => ({
  type: ConfChangeAddNode,
  nodeId: BigInt(id),
  context: encodePromotionContext(BigInt(id)),
});
const withContext = (type: ConfChange["type"], id: number, text: string): ConfChange => ({
  type,
  nodeId: BigInt(id),
  context: Buffer.from(text),
});

/** Voters 1, 2 and 3, learner 7; 4 was removed. */
function cluster(maxLearners = 1): Membership {
  const membership = new Membership(new MemoryBackend({ clock: realClock }), 99n, 1n, maxLearners);
  for (const id of [1, 2, 3, 4]) membership.applyAdd(member(id));
  membership.applyAdd(member(7, { isLearner: true, clientUrls: ["http://c:7"] }));
  membership.applyRemove(4n);
  return membership;
}

const cases: { name: string; change: ConfChange; want: string | undefined }[] = [
  { name: "remove a voter", change: remove(3), want: undefined },
  { name: "remove a learner", change: remove(7), want: undefined },
  { name: "add what was removed", change: add(member(4, { peerUrls: [url(40)] })), want: "MEMBER_REMOVED" },
  { name: "remove what was removed", change: remove(4), want: "MEMBER_REMOVED" },
  { name: "update what was removed", change: update(4, [url(40)]), want: "MEMBER_REMOVED" },
  { name: "promote what was removed", change: promote(4), want: "MEMBER_REMOVED" },
  {
    name: "add a member that exists",
    change: add(member(1, { peerUrls: [url(10)] })),
    want: "MEMBER_EXISTS",
  },
  { name: "its ID counts before its URL", change: add(member(1)), want: "MEMBER_EXISTS" },
  {
    name: "add with a URL of another",
    change: add(member(5, { peerUrls: [url(50), url(1)] })),
    want: "PEER_URL_EXISTS",
  },
  { name: "remove an unknown ID", change: remove(5), want: "MEMBER_NOT_FOUND" },
  { name: "add with a new URL", change: add(member(5)), want: undefined },
  { name: "update an unknown ID", change: update(5, [url(50)]), want: "MEMBER_NOT_FOUND" },
  { name: "update to a URL of another", change: update(2, [url(3)]), want: "PEER_URL_EXISTS" },
  { name: "update to a new URL", change: update(2, [url(22)]), want: undefined },
  { name: "update to its own URL", change: update(2, [url(2)]), want: undefined },
  {
    name: "URLs are strings",
    change: update(2, ["http://LOCALHOST:3", "http://127.0.0.1:03"]),
    want: undefined,
  },
  { name: "promote a voter", change: promote(3), want: "MEMBER_NOT_LEARNER" },
  { name: "promote an unknown ID", change: promote(6), want: "MEMBER_NOT_FOUND" },
  { name: "promote a learner", change: promote(7), want: undefined },
  { name: "a second learner", change: add(member(8, { isLearner: true })), want: "TOO_MANY_LEARNERS" },
  {
    name: "a URL counts before the number of learners",
    change: add(member(8, { isLearner: true, peerUrls: [url(7)] })),
    want: "PEER_URL_EXISTS",
  },
  {
    name: "no JSON",
    change: withContext(ConfChangeAddNode, 5, "member"),
    want: "MALFORMED_CONF_CHANGE",
  },
  {
    name: "JSON of another member",
    change: withContext(ConfChangeAddNode, 5, encodeMember(member(6))),
    want: "MALFORMED_CONF_CHANGE",
  },
  { name: "null", change: withContext(ConfChangeUpdateNode, 2, "null"), want: "MALFORMED_CONF_CHANGE" },
  { name: "no context", change: { type: ConfChangeAddNode, nodeId: 5n }, want: "MALFORMED_CONF_CHANGE" },
  {
    name: "an unknown kind",
    change: { type: 9 as ConfChange["type"], nodeId: 5n },
    want: "MALFORMED_CONF_CHANGE",
  },
];

for (const { name, change, want } of cases) {
  test(`a committed change is checked: ${name}`, () => {
    assert.equal(cluster().validate(change)?.code, want);
  });
}

test("more learners fit where more are allowed", () => {
  assert.equal(cluster(2).validate(add(member(8, { isLearner: true }))), undefined);
});

const effects: {
  name: string;
  change: ConfChange;
  want: MembershipChange;
  after: ClusterMember | undefined;
}[] = [
  { name: "added", change: add(member(5)), want: { kind: "added", member: member(5) }, after: member(5) },
  {
    name: "an update changes nothing but URLs",
    change: withContext(ConfChangeUpdateNode, 7, '{"id":7,"peerURLs":["http://n:1"],"name":"x"}'),
    want: {
      kind: "updated",
      member: member(7, { peerUrls: ["http://n:1"], isLearner: true, clientUrls: ["http://c:7"] }),
    },
    after: member(7, { peerUrls: ["http://n:1"], isLearner: true, clientUrls: ["http://c:7"] }),
  },
  {
    name: "a promotion keeps name and URLs",
    change: promote(7),
    want: { kind: "promoted", member: member(7, { clientUrls: ["http://c:7"] }) },
    after: member(7, { clientUrls: ["http://c:7"] }),
  },
  { name: "removed", change: remove(3), want: { kind: "removed", id: 3n }, after: undefined },
  {
    name: "a change of nobody",
    change: { type: 0, nodeId: 0n },
    want: { kind: "nothing" },
    after: undefined,
  },
];

for (const { name, change, want, after } of effects) {
  test(`a change takes effect: ${name}`, () => {
    const membership = cluster();
    assert.deepEqual(membership.applyConfChange(change), want);
    assert.deepEqual(membership.member(change.nodeId), after);
    assert.equal(membership.isRemoved(change.nodeId), want.kind === "removed");
  });
}

test("the context of the first entry of a known cluster is etcd's, byte for byte", () => {
  const first = member(0, {
    id: 443629905751424238n,
    peerUrls: ["http://127.0.0.1:32380"],
    name: "infra3",
  });
  const text = '{"id":443629905751424238,"peerURLs":["http://127.0.0.1:32380"],"name":"infra3"}';
  assert.equal(Buffer.from(encodeMemberContext(first)).toString(), text);
  assert.equal(text.length, 79);
  assert.deepEqual(decodeConfChangeContext(Buffer.from(text)), { member: first, isPromote: false });
});

test("a promotion's context names nothing but the ID", () => {
  const id = 2n ** 64n - 1n;
  const context = encodePromotionContext(id);
  assert.equal(
    Buffer.from(context).toString(),
    '{"id":18446744073709551615,"peerURLs":null,"isPromote":true}',
  );
  const decoded = decodeConfChangeContext(context);
  assert.equal(decoded.isPromote, true);
  assert.equal(decoded.member.id, id);
  for (const text of ['{"id":1,"isPromote":false}', '{"id":1}']) {
    assert.equal(decodeConfChangeContext(Buffer.from(text)).isPromote, false);
  }
});

test("the list of members is ordered by ID and keeps all 64 bits", () => {
  const one = member(0, {
    id: 4787304187827714765n,
    peerUrls: ["http://127.0.0.1:21301"],
    name: "m1",
    clientUrls: ["http://127.0.0.1:21300"],
  });
  const text =
    '[{"id":4787304187827714765,"peerURLs":["http://127.0.0.1:21301"],"name":"m1","clientURLs":["http://127.0.0.1:21300"]}]\n';
  assert.equal(encodeMemberList([one]), text);
  assert.deepEqual(decodeMemberList(text), [one]);
  assert.equal(encodeMemberList([]), "null\n");
  assert.deepEqual(decodeMemberList("null\n"), []);
  assert.deepEqual(
    decodeMemberList(encodeMemberList([member(9), member(3)])).map(({ id }) => id),
    [3n, 9n],
  );
  for (const bad of [
    "",
    "{}",
    "[1]",
    "[null]",
    '["a"]',
    '[{"id":1,"peerURLs":"http://x:1"}]',
    '[{"id":1,"peerURLs":[1]}]',
    '[{"id":18446744073709551616}]',
    '[{"id":1.5}]',
    '[{"id":1e3}]',
    "<html>",
  ]) {
    assert.throws(() => decodeMemberList(bad), SyntaxError, bad);
  }
});

test("whether this member is a learner follows its promotion and its removal", () => {
  const backend = new MemoryBackend({ clock: realClock });
  const membership = new Membership(backend, 99n, 7n);
  assert.equal(membership.isLearner, false);
  membership.applyConfChange(add(member(7, { isLearner: true })));
  assert.equal(membership.isLearner, true);
  membership.applyConfChange(update(7, [url(70)]));
  assert.equal(membership.isLearner, true);
  const again = new Membership(backend, 99n, 7n);
  again.restore();
  assert.equal(again.isLearner, true);
  membership.applyConfChange(promote(7));
  assert.equal(membership.isLearner, false);
});

test("a downgrade is kept as etcd keeps it", () => {
  const backend = new MemoryBackend({ clock: realClock });
  const membership = new Membership(backend, 99n, 7n);
  assert.deepEqual(membership.downgrade, { enabled: false, targetVersion: "" });
  membership.applyDowngrade({ enabled: true, targetVersion: "3.6.0" });
  const stored = Buffer.from(backend.get("cluster", Buffer.from("downgrade")) ?? []).toString();
  assert.equal(stored, '{"target-version":"3.6.0","enabled":true}');
  const again = new Membership(backend, 99n, 7n);
  again.restore();
  assert.deepEqual(again.downgrade, { enabled: true, targetVersion: "3.6.0" });
  membership.applyDowngrade({ enabled: false, targetVersion: "" });
  assert.equal(
    Buffer.from(backend.get("cluster", Buffer.from("downgrade")) ?? []).toString(),
    '{"target-version":"","enabled":false}',
  );
});

test("a cluster whose version is newer than this release is refused", () => {
  const backend = new MemoryBackend({ clock: realClock });
  const membership = new Membership(backend, 99n, 7n);
  const seen: (string | undefined)[][] = [];
  membership.onVersion = (version, previous) => seen.push([version, previous]);
  membership.applyVersion("3.6.0");
  membership.applyVersion("3.7.0");
  assert.deepEqual(seen, [
    ["3.6.0", undefined],
    ["3.7.0", "3.6.0"],
  ]);
  assert.throws(() => membership.applyVersion("3.8.0"), /invalid downgrade; server version is lower/);
  assert.equal(membership.version, "3.7.0");
  backend.put("cluster", Buffer.from("clusterVersion"), Buffer.from("4.0.0"));
  assert.throws(() => new Membership(backend, 99n, 7n).restore(), /invalid downgrade/);
});
