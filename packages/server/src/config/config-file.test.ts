import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfigFile, readConfigFile } from "./config-file.ts";
import { ConfigError } from "./errors.ts";
import { FLAGS } from "./flag-table.ts";
import { makeServerConfig } from "./server-config.ts";

const configOf = (text: string) => makeServerConfig(parseConfigFile(text));

test("what a file does not say is as by default", () => {
  for (const text of ["", "{}", "# nothing\n", "name:\n"]) {
    const { warnings, ...config } = configOf(text);
    const { warnings: _, ...byDefault } = makeServerConfig(parseConfigFile("{}"));
    assert.deepEqual(config, byDefault);
    assert.deepEqual(warnings, []);
  }
});

const texts: { name: string; text: string; want: Record<string, unknown> }[] = [
  {
    name: "texts, numbers and truths",
    text: "name: m1\nmax-txn-ops: 0x10\npre-vote: no\nquota-backend-bytes: -1\n",
    want: { name: "m1", maxTxnOps: 16, preVote: false, quotaBackendBytes: Number.POSITIVE_INFINITY },
  },
  {
    name: "JSON",
    text: '{"name": "m1", "election-timeout": 1500}',
    want: { name: "m1", electionTicks: 15 },
  },
  {
    name: "durations in nanoseconds",
    text: "warning-apply-duration: 250000000\nwatch-progress-notify-interval: 600000000000\n",
    want: { warningApplyMs: 250, watchProgressNotifyMs: 600_000 },
  },
  {
    name: "keys of any case, of which the last mention counts",
    text: "Max-Txn-Ops: 1\nmax-txn-ops: 2\nmax-txn-ops: 3\n",
    want: { maxTxnOps: 3 },
  },
  {
    name: "URLs as one text, origins and hosts, too",
    text: "listen-peer-urls: http://127.0.0.1:2, http://127.0.0.1:1\ncors: http://a:1\nhost-whitelist: b,a\n",
    want: {
      listenPeerUrls: ["http://127.0.0.1:1", "http://127.0.0.1:2"],
      corsOrigins: ["http://a:1"],
      hostWhitelist: ["a", "b"],
    },
  },
  {
    name: "listen URLs without those to advertise",
    text: "listen-client-urls: http://127.0.0.1:1\n",
    want: {
      listenClientUrls: ["http://127.0.0.1:1"],
      advertiseClientUrls: ["http://localhost:2379"],
    },
  },
  {
    name: "feature gates as one text",
    text: "feature-gates: AllAlpha=true,CompactHashCheck=false\n",
    want: {
      features: {
        CompactHashCheck: false,
        FastLeaseKeepAlive: true,
        InitialCorruptCheck: true,
        LeaseCheckpoint: true,
        LeaseCheckpointPersist: true,
        PriorityRequest: true,
        SetMemberLocalAddr: true,
        StopGRPCServiceOnDefrag: true,
        TxnModeWriteWithSharedBuffer: true,
      },
    },
  },
  {
    name: "an empty state of the cluster, and a validity of no years",
    text: 'initial-cluster-state: ""\nself-signed-cert-validity: 0\n',
    want: { initialClusterState: "new" },
  },
];
for (const { name, text, want } of texts) {
  test(`a file may have ${name}`, () => {
    const config = configOf(text) as unknown as Record<string, unknown>;
    assert.deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, config[key]])), want);
  });
}

test("sections have the settings of TLS", () => {
  const { clientTls, peerTls } = configOf(`
listen-client-urls: https://127.0.0.1:1
listen-peer-urls: https://127.0.0.1:2
client-transport-security: {cert-file: c, key-file: k, trusted-ca-file: ca, allowed-hostname: [h1, h2]}
peer-transport-security:
  cert-file: pc
  key-file: pk
  client-cert-auth: true
  allowed-cn: [a]
  skip-client-san-verification: true
`);
  const { certFile, keyFile, trustedCaFile, allowedHostnames } = clientTls!;
  assert.deepEqual([certFile, keyFile, trustedCaFile, allowedHostnames], ["c", "k", "ca", ["h1", "h2"]]);
  const { requireClientCertificate, allowedCommonNames, verifyClientAddress } = peerTls!;
  assert.deepEqual([requireClientCertificate, allowedCommonNames, verifyClientAddress], [true, ["a"], false]);
});

test("a key that means nothing is named in a warning", () => {
  const { warnings } = configOf("bogus: 1\nversion: true\nclient-transport-security: {crl-file: x}\n");
  assert.deepEqual(
    warnings.filter((warning) => warning.startsWith("unknown key")),
    ["bogus", "client-transport-security.crl-file", "version"].map(
      (key) => `unknown key ${JSON.stringify(key)} in the configuration file`,
    ),
  );
});

test("every setting but a few can be in a file, each in a place of its own", () => {
  const places = [...FLAGS.values()].map(({ fileKey }) => fileKey?.join("."));
  const given = places.filter((place) => place !== undefined);
  assert.equal(new Set(given).size, given.length);
  const without = [...FLAGS.values()].filter(({ fileKey }) => fileKey === undefined).map(({ name }) => name);
  assert.deepEqual(without.sort(), [
    "client-crl-file",
    "config-file",
    "discovery-fallback",
    "peer-crl-file",
    "raft-read-timeout",
    "raft-write-timeout",
    "version",
  ]);
});

test("a file that cannot be read is named", () => {
  assert.throws(
    () => readConfigFile("/no/such/file"),
    new ConfigError("open /no/such/file: no such file or directory"),
  );
});

test("what was given is told under the names of flags, but for secrets", () => {
  const { given } = configOf("name: m1\nmax-wals: 5\ndiscovery-config: {client: {auth: {password: p}}}\n");
  assert.deepEqual(given, { "discovery-password": "***", name: "m1" });
  const user = (name: string) =>
    configOf(`discovery-config: {client: {auth: {username: "${name}"}}}\n`).given["discovery-user"];
  assert.deepEqual([user("u"), user("u:p:q")], ["u", "u:***"]);
});

test("a setting of ours that is none of its choices is refused, as on the command line", () => {
  assert.equal(configOf("audit-log: a\naudit-log-keys: plain\n").auditLog?.keys, "plain");
  assert.throws(
    () => configOf("audit-log: a\naudit-log-keys: Plain\n"),
    new ConfigError('audit-log-keys in the configuration file: invalid value: "Plain"'),
  );
});
