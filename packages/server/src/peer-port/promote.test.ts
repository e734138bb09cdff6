import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { ClusterHarness, testMember } from "../api/cluster-context.testing.ts";
import { handlePromote } from "./promote.ts";

async function serve(t: TestContext, cluster: ClusterHarness): Promise<string> {
  const server = http.createServer((request, response) => {
    void handlePromote(cluster.context, request.url ?? "", request, response);
  });
  await listenOnFreePort(server);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/members/promote/`;
}

function leader(): ClusterHarness {
  const cluster = new ClusterHarness([testMember(1), testMember(2), testMember(7, { isLearner: true })]);
  cluster.consensus.matches.set(1n, 100).set(2n, 100).set(7n, 100);
  return cluster;
}

interface Case {
  name: string;
  method?: string;
  path: string;
  match?: number;
  change?: (cluster: ClusterHarness) => void;
  status: number;
  body: string;
  type?: string;
}

const cases: Case[] = [
  { name: "not a number", path: "xyz", status: 404, body: "member xyz not found in cluster\n" },
  { name: "no ID", path: "", status: 404, body: "member  not found in cluster\n" },
  { name: "a negative ID", path: "-1", status: 404, body: "member -1 not found in cluster\n" },
  {
    name: "more than 64 bits",
    path: "18446744073709551616",
    status: 404,
    body: "member 18446744073709551616 not found in cluster\n",
  },
  { name: "an unknown ID", path: "12", status: 404, body: "membership: ID not found\n" },
  { name: "a voter", path: "2", status: 412, body: "membership: can only promote a learner member\n" },
  {
    name: "a learner that lags",
    path: "7",
    match: 89,
    status: 412,
    body: "etcdserver: can only promote a learner member which is in sync with leader\n",
  },
  {
    name: "anything else",
    path: "7",
    change: (cluster) => {
      cluster.consensus.catchesUp = false;
    },
    status: 500,
    body: '{"message":"Internal Server Error"}',
    type: "application/json",
  },
  {
    name: "a removed learner",
    path: "7",
    change: (cluster) => cluster.membership.applyRemove(7n),
    status: 500,
    body: '{"message":"Internal Server Error"}',
    type: "application/json",
  },
  {
    name: "a learner",
    path: "7",
    status: 200,
    body:
      '[{"id":1,"peerURLs":["http://10.0.0.1:2380"],"name":"m1"},{"id":2,"peerURLs":["http://10.0.0.2:2380"],"name":"m2"},' +
      '{"id":7,"peerURLs":["http://10.0.0.7:2380"],"name":"m7"}]\n',
    type: "application/json",
  },
];

for (const { name, path, match, change, status, body, type = "text/plain; charset=utf-8" } of cases) {
  test(`a member that does not lead asks to promote: ${name}`, async (t) => {
    const cluster = leader();
    if (match !== undefined) cluster.consensus.matches.set(7n, match);
    change?.(cluster);
    const answer = await fetch((await serve(t, cluster)) + path, { method: "POST" });
    assert.equal(answer.status, status);
    assert.equal(await answer.text(), body);
    assert.equal(answer.headers.get("content-type"), type);
    assert.equal(answer.headers.get("x-etcd-cluster-id"), "c0ffee");
  });
}

test("only POST is allowed, and says so before anything else", async (t) => {
  const answer = await fetch(`${await serve(t, leader())}7`);
  assert.equal(answer.status, 405);
  assert.equal(answer.headers.get("allow"), "POST");
  assert.equal(answer.headers.get("x-etcd-cluster-id"), null);
  assert.equal(await answer.text(), "Method Not Allowed\n");
});

test("who does not lead passes it on with the token", async (t) => {
  const cluster = leader();
  cluster.consensus.leader = 2n;
  cluster.peers.answer = () => ({ text: "[]" });
  const answer = await fetch(`${await serve(t, cluster)}7`, {
    method: "POST",
    headers: { authorization: "secret" },
  });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "null\n");
  assert.deepEqual(cluster.peers.asked[0]!.request.headers, { authorization: "secret" });
});

test("a member that hangs up gives its change up", async (t) => {
  const cluster = leader();
  cluster.hang();
  const url = await serve(t, cluster);
  const caller = new AbortController();
  const asked = fetch(`${url}7`, { method: "POST", signal: caller.signal });
  await until(() => cluster.confChanges.length > 0);
  caller.abort();
  await assert.rejects(asked);
  await until(() => cluster.abandoned.length > 0);
  assert.deepEqual(cluster.abandoned, [cluster.confChanges[0]!.id]);
});
