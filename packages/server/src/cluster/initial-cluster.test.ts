import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterId, formatId } from "./ids.ts";
import {
  existingClusterProblem,
  type InitialCluster,
  initialMembers,
  newClusterProblem,
} from "./initial-cluster.ts";
import { encodeMemberContext } from "./member-json.ts";

const HOSTS: Record<string, string> = {
  "a.example": "10.0.0.1",
  "b.example": "10.0.0.2",
  "six.example": "fd00::6",
};

async function resolve(host: string): Promise<string> {
  const address = HOSTS[host];
  if (address === undefined) throw new Error(`lookup ${host}: no such host`);
  return address;
}

function settings(initial: string, advertised: string[], name = "a"): InitialCluster {
  const byName = new Map<string, string[]>();
  for (const item of initial.split(",").filter((text) => text !== "")) {
    const [member = "", url = ""] = item.split("=");
    byName.set(member, [...(byName.get(member) ?? []), url]);
  }
  return {
    name,
    initialAdvertisePeerUrls: advertised,
    initialClusterToken: "etcd-cluster",
    initialCluster: [...byName].map(([member, peerUrls]) => ({ name: member, peerUrls })),
  };
}

const A = "http://10.0.0.1:2380";
const B = "http://10.0.0.2:2380";

const cases: { name: string; given: InitialCluster; want: string | undefined }[] = [
  { name: "equal strings", given: settings(`a=${A},b=${B}`, [A]), want: undefined },
  { name: "several URLs in another order", given: settings(`a=${B},a=${A}`, [A, B]), want: undefined },
  { name: "a name for an address", given: settings(`a=http://a.example:2380`, [A]), want: undefined },
  {
    name: "names of one host",
    given: settings(`a=http://A.EXAMPLE:2380`, ["http://a.example:2380"]),
    want: undefined,
  },
  {
    name: "an IPv6 address written in two ways",
    given: settings("a=http://[FD00:0::6]:2380", ["http://six.example:2380"]),
    want: undefined,
  },
  { name: "unix sockets", given: settings("a=unix://a:1", ["unix://a:1"]), want: undefined },
  {
    name: "a name that is not there",
    given: settings(`b=${B}`, [A]),
    want: `couldn't find local name "a" in the initial cluster configuration`,
  },
  {
    name: "nothing at all",
    given: settings("", [A]),
    want: `couldn't find local name "a" in the initial cluster configuration`,
  },
  {
    name: "a listed URL that is not advertised",
    given: settings(`a=${A},a=${B}`, [A]),
    want: `--initial-cluster has a=${B} but missing from --initial-advertise-peer-urls=${A} (len(["${A}"]) != len(["${A}" "${B}"]))`,
  },
  {
    name: "an advertised URL that is not listed",
    given: settings(`a=${A}`, [B, A]),
    want: `--initial-advertise-peer-urls has ${B} but missing from --initial-cluster=a=${A},a=${B}`,
  },
  {
    name: "another address",
    given: settings("a=http://b.example:2380", [A]),
    want: `--initial-cluster has a=http://b.example:2380 but missing from --initial-advertise-peer-urls=${A} (resolved urls: "${A}" != "${B}")`,
  },
  {
    name: "another port",
    given: settings("a=http://a.example:2381", [A]),
    want: `--initial-cluster has a=http://a.example:2381 but missing from --initial-advertise-peer-urls=${A} (resolved urls: "${A}" != "http://10.0.0.1:2381")`,
  },
  {
    name: "another scheme",
    given: settings("a=https://10.0.0.1:2380", [A]),
    want: `--initial-cluster has a=https://10.0.0.1:2380 but missing from --initial-advertise-peer-urls=${A} (resolved urls: "${A}" != "https://10.0.0.1:2380")`,
  },
  {
    name: "localhost is no address",
    given: settings("a=http://localhost:2380", ["http://127.0.0.1:2380"]),
    want: `--initial-cluster has a=http://localhost:2380 but missing from --initial-advertise-peer-urls=http://127.0.0.1:2380 (resolved urls: "http://127.0.0.1:2380" != "http://localhost:2380")`,
  },
  {
    name: "a host that nobody knows",
    given: settings("a=http://nowhere.example:2380", [A]),
    want: `--initial-cluster has a=http://nowhere.example:2380 but missing from --initial-advertise-peer-urls=${A} (failed to resolve "http://nowhere.example:2380" (lookup nowhere.example: no such host))`,
  },
  {
    name: "a URL of two members",
    given: settings(`b=${A},a=${A}`, [A]),
    want: `initial cluster a=${A},b=${A} has duplicate url`,
  },
];

for (const { name, given, want } of cases) {
  test(`a new cluster is checked: ${name}`, async () => {
    assert.equal(await newClusterProblem(given, resolve), want);
  });
}

test("who joins has announced its URLs before: only names and duplicates are checked", () => {
  assert.equal(existingClusterProblem(settings(`a=${A},b=${B}`, ["http://other:1"])), undefined);
  assert.match(existingClusterProblem(settings(`a=${A}`, [A], "c"))!, /^couldn't find local name "c"/);
  assert.match(existingClusterProblem(settings(`a=${A},b=${A}`, [A]))!, /has duplicate url$/);
});

test("three members compute one cluster, in the order of their IDs", () => {
  const members = initialMembers(
    settings(
      "infra1=http://127.0.0.1:2380,infra2=http://127.0.0.1:22380,infra3=http://127.0.0.1:32380",
      ["http://127.0.0.1:2380"],
      "infra1",
    ),
  );
  assert.deepEqual(
    members.map(({ id, name }) => [formatId(id), name]),
    [
      ["628170c800dbcee", "infra3"],
      ["9e737febb6b99eee", "infra2"],
      ["b71f75320dc06a6c", "infra1"],
    ],
  );
  assert.equal(formatId(clusterId(members.map(({ id }) => id))), "66d3a070bf89b39");
  assert.equal(
    Buffer.from(encodeMemberContext(members[0]!)).toString(),
    '{"id":443629905751424238,"peerURLs":["http://127.0.0.1:32380"],"name":"infra3"}',
  );
});
