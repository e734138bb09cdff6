import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { initialMembers } from "../cluster/initial-cluster.ts";
import { type ClusterMember, encodeMemberList } from "../cluster/member-json.ts";
import { ConfigError } from "../config/errors.ts";
import { silentLogger } from "../log/logger.ts";
import type { PeerRequest, PeerRequests, PeerResponse } from "../peer/peer-requests.ts";
import { testRequests } from "../peer/testing.ts";
import { createHostResolver } from "./host-resolver.ts";
import { findIdentity, type JoiningSettings } from "./joining.ts";

const urlOf = (name: string) => `http://10.0.0.${name.charCodeAt(0) - 96}:2380`;

function settings(state: "new" | "existing", name: string, names: string[]): JoiningSettings {
  return {
    name,
    initialAdvertisePeerUrls: [urlOf(name)],
    initialClusterToken: "etcd-cluster",
    initialCluster: names.map((other) => ({ name: other, peerUrls: [urlOf(other)] })),
    initialClusterState: state,
    maxLearners: 1,
  };
}

type Answer = { status?: number; headers?: Record<string, string>; body?: string } | undefined;

/** Answers by URL and path; what is not listed does not answer. */
class FakePeers implements PeerRequests {
  readonly asked: string[] = [];
  readonly timeouts: number[] = [];
  readonly #answers: Record<string, Answer>;

  constructor(answers: Record<string, Answer>) {
    this.#answers = answers;
  }

  async send(baseUrl: string, request: PeerRequest): Promise<PeerResponse> {
    this.asked.push(`${baseUrl}${request.path}`);
    this.timeouts.push(request.timeoutMs);
    const answer = this.#answers[`${baseUrl}${request.path}`];
    if (answer === undefined) throw new Error("connection refused");
    return {
      status: answer.status ?? 200,
      headers: answer.headers ?? {},
      body: Buffer.from(answer.body ?? ""),
    };
  }

  close(): void {}
}

const CLUSTER = { "x-etcd-cluster-id": "c0ffee" };

function member(id: bigint, name: string, changed: Partial<ClusterMember> = {}): ClusterMember {
  return { id, peerUrls: [urlOf(name)], isLearner: false, name, clientUrls: ["http://c:1"], ...changed };
}

/** Members a (11) and b (22) run; c (33) was added and has not started. */
const RUNNING = [member(11n, "a"), member(22n, "b"), member(33n, "c", { name: "", clientUrls: [] })];

function running(changed: Record<string, Answer> = {}): Record<string, Answer> {
  const list = { headers: CLUSTER, body: encodeMemberList(RUNNING) };
  const version = { body: '{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}' };
  return {
    [`${urlOf("a")}/members`]: list,
    [`${urlOf("b")}/members`]: list,
    [`${urlOf("a")}/version`]: version,
    [`${urlOf("b")}/version`]: version,
    [`${urlOf("a")}/downgrade/enabled`]: { body: "false" },
    ...changed,
  };
}

function find(given: JoiningSettings, requests: PeerRequests) {
  return findIdentity(given, {
    requests,
    log: silentLogger,
    requestTimeoutMs: 7_000,
    signal: new AbortController().signal,
    createResolver: () => async (host) => {
      throw new Error(`lookup ${host}: no such host`);
    },
  });
}

const joinAsC = settings("existing", "c", ["a", "b", "c"]);

test("who joins a running cluster may not ask a discovery service", async () => {
  const tls = { certFile: "", keyFile: "", caFile: "", insecureTransport: true, skipVerification: false };
  const times = { dialTimeoutMs: 1, requestTimeoutMs: 1, keepaliveTimeMs: 1, keepaliveTimeoutMs: 1 };
  const endpoints = ["127.0.0.1:1"];
  const discovery = {
    kind: "service",
    token: "t",
    endpoints,
    ...times,
    tls,
    credentials: undefined,
  } as const;
  const peers = new FakePeers(running());
  await assert.rejects(
    find({ ...joinAsC, discovery }, peers),
    new ConfigError("discovery URL should not be set when joining existing initial cluster"),
  );
  assert.deepEqual(peers.asked, []);
});

test("who joins takes over its ID and the cluster's", async () => {
  const peers = new FakePeers(running());
  const identity = await find(joinAsC, peers);
  assert.equal(identity.localId, 33n);
  assert.equal(identity.clusterId, 0xc0ffeen);
  assert.deepEqual(identity.firstMembers, []);
  assert.deepEqual(identity.remotes, RUNNING);
  assert.equal(peers.asked[0], `${urlOf("a")}/members`);
  assert.equal(peers.timeouts[0], 10_000);
  assert.ok(!peers.asked.some((url) => url.startsWith(urlOf("c"))));
});

const fallbacks: { name: string; first: Answer }[] = [
  { name: "that does not answer", first: undefined },
  { name: "that answers with a page", first: { status: 500, headers: CLUSTER, body: "<html>" } },
  { name: "that redirects", first: { status: 302, headers: { location: "http://evil/" }, body: "" } },
  { name: "that names no cluster", first: { body: encodeMemberList(RUNNING) } },
  { name: "whose cluster has no ID", first: { headers: { "x-etcd-cluster-id": "xyz" }, body: "[]" } },
  {
    name: "whose members are one",
    first: { headers: CLUSTER, body: encodeMemberList([RUNNING[0]!, RUNNING[0]!]) },
  },
  {
    name: "whose member is nobody",
    first: { headers: CLUSTER, body: '[{"id":0,"peerURLs":["http://x:1"]}]' },
  },
];

for (const { name, first } of fallbacks) {
  test(`a peer ${name} is passed over`, async () => {
    const peers = new FakePeers(running({ [`${urlOf("a")}/members`]: first }));
    assert.equal((await find(joinAsC, peers)).localId, 33n);
  });
}

const behind: { name: string; members: ClusterMember[] }[] = [
  { name: "does not know the new one yet", members: RUNNING.slice(0, 2) },
  { name: "still knows one that was removed", members: [...RUNNING, member(44n, "d")] },
  { name: "has no members yet", members: [] },
];

for (const { name, members } of behind) {
  test(`a peer that is behind and ${name} is passed over`, async () => {
    const told = { headers: CLUSTER, body: encodeMemberList(members) };
    const identity = await find(joinAsC, new FakePeers(running({ [`${urlOf("a")}/members`]: told })));
    assert.equal(identity.localId, 33n);
    assert.deepEqual(identity.remotes, RUNNING);
  });
}

const learner = member(22n, "b", { isLearner: true });
const refusals: {
  name: string;
  given: JoiningSettings;
  answers: Record<string, Answer>;
  want: string | RegExp;
}[] = [
  {
    name: "nobody answers",
    given: joinAsC,
    answers: {},
    want: "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs",
  },
  {
    name: "nobody else is named",
    given: settings("existing", "c", ["c"]),
    answers: {},
    want: "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs",
  },
  {
    name: "the cluster is empty",
    given: joinAsC,
    answers: {
      [`${urlOf("a")}/members`]: { headers: CLUSTER, body: "[]\n" },
      [`${urlOf("b")}/members`]: { headers: CLUSTER, body: "[]\n" },
    },
    want: "cannot fetch cluster info from peer urls: failed to get raft cluster member(s) from the given URLs",
  },
  {
    name: "the number of members differs",
    given: settings("existing", "c", ["a", "c"]),
    answers: running(),
    want: /^error validating peerURLs \{ClusterID:c0ffee Members:\[.*\]\}: member count is unequal$/,
  },
  {
    name: "a member is another",
    given: settings("existing", "c", ["a", "c", "d"]),
    answers: running(),
    want: /: PeerURLs: no match found for existing member \(16, \[http:\/\/10\.0\.0\.2:2380\]\), last resolver error \(resolved urls: .*\)$/,
  },
  {
    name: "two members claim the URLs of one",
    given: joinAsC,
    answers: running({
      [`${urlOf("a")}/members`]: {
        headers: CLUSTER,
        body: encodeMemberList([member(1n, "a"), member(2n, "a"), member(3n, "c")]),
      },
      [`${urlOf("b")}/members`]: undefined,
    }),
    want: /no match found for existing member \(2, /,
  },
  {
    name: "the cluster is newer",
    given: joinAsC,
    answers: running({ [`${urlOf("b")}/version`]: { body: '{"etcdserver":"3.8.0","etcdcluster":"3.8.0"}' } }),
    want: "incompatible with current running cluster",
  },
  {
    name: "nobody tells its version",
    given: joinAsC,
    answers: running({ [`${urlOf("a")}/version`]: undefined, [`${urlOf("b")}/version`]: { body: "[]" } }),
    want: "incompatible with current running cluster",
  },
  {
    name: "a downgrade is under way",
    given: joinAsC,
    answers: running({ [`${urlOf("a")}/downgrade/enabled`]: { body: "true" } }),
    want: "incompatible with current running cluster",
  },
  {
    name: "there are too many learners",
    given: { ...joinAsC, maxLearners: 0 },
    answers: running({
      [`${urlOf("a")}/members`]: {
        headers: CLUSTER,
        body: encodeMemberList([RUNNING[0]!, learner, RUNNING[2]!]),
      },
    }),
    want: "membership: too many learner members in cluster",
  },
];

for (const { name, given, answers, want } of refusals) {
  test(`joining fails when ${name}`, async () => {
    await assert.rejects(find(given, new FakePeers(answers)), (error: Error) => {
      if (typeof want === "string") assert.equal(error.message, want);
      else assert.match(error.message, want);
      return true;
    });
  });
}

test("the downgrade is asked of the first that can tell", async () => {
  const peers = new FakePeers(
    running({
      [`${urlOf("a")}/downgrade/enabled`]: { status: 404, body: "404 page not found\n" },
      [`${urlOf("b")}/downgrade/enabled`]: { body: "true" },
    }),
  );
  await assert.rejects(find(joinAsC, peers), /incompatible with current running cluster/);
});

test("a new cluster begins with the members that all compute alike", async () => {
  const given = settings("new", "b", ["a", "b", "c"]);
  const peers = new FakePeers({});
  const identity = await find(given, peers);
  assert.deepEqual(identity.firstMembers, initialMembers(given));
  assert.equal(identity.localId, initialMembers(given).find(({ name }) => name === "b")!.id);
  assert.deepEqual(identity.remotes, []);
  assert.deepEqual(peers.asked, [`${urlOf("a")}/members`, `${urlOf("c")}/members`]);
  assert.deepEqual(peers.timeouts, [1_000, 1_000]);
});

test("a member of a new cluster asks all others at once: one that says nothing holds up nobody's turn", async () => {
  const peers = new FakePeers({});
  const answers: (() => void)[] = [];
  peers.send = (url) =>
    new Promise((_, reject) => {
      peers.asked.push(url);
      answers.push(() => reject(new Error("timeout")));
    });
  const found = find(settings("new", "b", ["a", "b", "c"]), peers);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(peers.asked, [urlOf("a"), urlOf("c")]);
  for (const answer of answers) answer();
  assert.equal((await found).firstMembers.length, 3);
});

test("a member that is running already is not started a second time", async () => {
  const given = settings("new", "b", ["a", "b", "c"]);
  const own = initialMembers(given).find(({ name }) => name === "b")!;
  const told = (clientUrls: string[]) =>
    new FakePeers({
      [`${urlOf("c")}/members`]: { headers: CLUSTER, body: encodeMemberList([{ ...own, clientUrls }]) },
    });
  await assert.rejects(find(given, told(["http://c:1"])), {
    message: `member ${own.id.toString(16)} has already been bootstrapped`,
  });
  assert.equal((await find(given, told([]))).localId, own.id);
});

test("settings that do not fit are mistakes of configuration", async () => {
  for (const state of ["new", "existing"] as const) {
    await assert.rejects(find(settings(state, "x", ["a"]), new FakePeers(running())), (error: Error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, `couldn't find local name "x" in the initial cluster configuration`);
      return true;
    });
  }
});

test("a host is looked up again until it is found or the time is over", async () => {
  let calls = 0;
  const patient = createHostResolver({
    retryMs: 1,
    lookup: async () => {
      calls++;
      if (calls < 3) throw new Error("not yet");
      return "10.0.0.1";
    },
  });
  assert.equal(await patient("a.example"), "10.0.0.1");
  assert.equal(calls, 3);
  const failing = createHostResolver({
    budgetMs: 5,
    retryMs: 1,
    lookup: async (host) => {
      throw new Error(`lookup ${host}: no such host`);
    },
  });
  await assert.rejects(failing("a.example"), /lookup a\.example: no such host/);
  const hanging = createHostResolver({ budgetMs: 5, lookup: () => new Promise(() => {}) });
  await assert.rejects(hanging("a.example"), /lookup a\.example: no answer in time/);
});

test("real peers are asked without following redirects", async () => {
  let redirected = 0;
  const server = http.createServer((request, response) => {
    if (request.url === "/members")
      response.writeHead(302, { location: "/elsewhere", ...CLUSTER }).end("[]x");
    else {
      redirected++;
      response.end();
    }
  });
  await listenOnFreePort(server);
  const requests = testRequests();
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const given = {
      ...joinAsC,
      initialCluster: [...joinAsC.initialCluster.slice(2), { name: "a", peerUrls: [url] }],
    };
    await assert.rejects(find(given, requests), /could not retrieve cluster information/);
    assert.equal(redirected, 0);
  } finally {
    requests.close();
    server.close();
    server.closeAllConnections();
  }
});
