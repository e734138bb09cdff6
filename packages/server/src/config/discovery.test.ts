import assert from "node:assert/strict";
import test from "node:test";
import { parseConfigFile } from "./config-file.ts";
import { parseFlags } from "./parse-flags.ts";
import { makeServerConfig, type ServerConfig } from "./server-config.ts";

function configOf(...args: string[]): ServerConfig {
  return makeServerConfig(parseFlags(args, {}));
}

const SERVICE = ["--discovery-token=t", "--discovery-endpoints=b:2379,a:2379"];

test("without its flags there is no discovery", () => {
  assert.equal(configOf("--discovery-user=u").discovery, undefined);
});

test("a discovery service has the defaults of etcd, and its token is the cluster's", () => {
  const config = configOf("--name=m", "--initial-cluster-token=x", ...SERVICE);
  assert.deepEqual(config.discovery, {
    kind: "service",
    token: "t",
    endpoints: ["a:2379", "b:2379"],
    dialTimeoutMs: 2_000,
    requestTimeoutMs: 5_000,
    keepaliveTimeMs: 2_000,
    keepaliveTimeoutMs: 6_000,
    tls: { certFile: "", keyFile: "", caFile: "", insecureTransport: true, skipVerification: false },
    credentials: undefined,
  });
  assert.equal(config.initialClusterToken, "t");
  assert.deepEqual(config.initialCluster, [{ name: "m", peerUrls: ["http://localhost:2380"] }]);
  assert.deepEqual(config.warnings, []);
});

test("all that is said of a discovery service counts, on the command line and in a file", () => {
  const given = configOf(
    ...SERVICE,
    ..."--discovery-dial-timeout=1s --discovery-request-timeout=2s --discovery-keepalive-time=3s".split(" "),
    ..."--discovery-keepalive-timeout=4s --discovery-insecure-transport=false --discovery-cert=c".split(" "),
    ..."--discovery-key=k --discovery-cacert=ca --discovery-insecure-skip-tls-verify".split(" "),
    ..."--discovery-user=u --discovery-password=p".split(" "),
  );
  const file = parseConfigFile(`
discovery-config:
  token: t
  client:
    endpoints: ["a:2379", "b:2379"]
    dial-timeout: 1000000000
    request-timeout: 2000000000
    keepalive-time: 3000000000
    keepalive-timeout: 4000000000
    secure: {cert: c, key: k, cacert: ca, insecure-transport: false, insecure-skip-tls-verify: true}
    auth: {username: u, password: p}
`);
  const want = {
    kind: "service",
    token: "t",
    endpoints: ["a:2379", "b:2379"],
    dialTimeoutMs: 1_000,
    requestTimeoutMs: 2_000,
    keepaliveTimeMs: 3_000,
    keepaliveTimeoutMs: 4_000,
    tls: { certFile: "c", keyFile: "k", caFile: "ca", insecureTransport: false, skipVerification: true },
    credentials: { user: "u", password: "p" },
  };
  assert.deepEqual(given.discovery, want);
  assert.deepEqual(makeServerConfig(file).discovery, want);
});

const users = [
  { flags: ["--discovery-user=u"], want: undefined },
  { flags: ["--discovery-user=u:p:q"], want: { user: "u", password: "p:q" } },
  { flags: ["--discovery-user=u:p", "--discovery-password=x"], want: { user: "u:p", password: "x" } },
  { flags: ["--discovery-password=x"], want: undefined },
];
for (const { flags, want } of users) {
  test(`${flags.join(" ")} is ${want === undefined ? "nobody" : want.user}`, () => {
    const { discovery } = configOf(...SERVICE, ...flags);
    assert.equal(discovery?.kind, "service");
    assert.deepEqual(discovery.credentials, want);
  });
}

test("a domain replaces the members that there are by default, and leaves the token", () => {
  const { discovery, initialCluster, initialClusterToken } = configOf(
    "--discovery-srv=example.com",
    "--discovery-srv-name=blue",
  );
  assert.deepEqual(discovery, { kind: "srv", domain: "example.com", serviceSuffix: "blue" });
  assert.deepEqual([initialCluster, initialClusterToken], [[], "etcd-cluster"]);
});
