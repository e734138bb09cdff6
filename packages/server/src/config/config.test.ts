import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDurationMs } from "./duration.ts";
import { ConfigError } from "./errors.ts";
import { parseFlags } from "./parse-flags.ts";
import { makeServerConfig } from "./server-config.ts";

const configOf = (args: string[], environment: Record<string, string> = {}) =>
  makeServerConfig(parseFlags(args, environment));

const refused = [
  { args: ["--nope"], exitCode: 2, text: "flag provided but not defined: -nope" },
  { args: ["--name"], exitCode: 2, text: "flag needs an argument: -name" },
  { args: ["--max-txn-ops", "x"], exitCode: 2, text: 'invalid value "x" for flag -max-txn-ops: parse error' },
  { args: ["--max-txn-ops=-1"], exitCode: 2, text: 'invalid value "-1" for flag -max-txn-ops: parse error' },
  {
    args: ["--pre-vote=maybe"],
    exitCode: 2,
    text: 'invalid boolean value "maybe" for -pre-vote: parse error',
  },
  { args: ["--pre-vote", "false"], exitCode: 1, text: '"false" is not a valid flag' },
  { args: ["extra"], exitCode: 1, text: '"extra" is not a valid flag' },
  {
    args: ["--listen-client-urls", "ftp://x:1"],
    exitCode: 2,
    text: 'invalid value "ftp://x:1" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: ftp://x:1',
  },
  {
    args: ["--listen-client-urls", "http://127.0.0.1"],
    exitCode: 2,
    text: 'invalid value "http://127.0.0.1" for flag -listen-client-urls: URL address does not have the form "host:port": http://127.0.0.1',
  },
  {
    args: ["--listen-client-urls", "http://127.0.0.1:1/"],
    exitCode: 2,
    text: 'invalid value "http://127.0.0.1:1/" for flag -listen-client-urls: URL must not contain a path: http://127.0.0.1:1/',
  },
  {
    args: [
      "--listen-client-urls",
      "http://example.com:2379",
      "--advertise-client-urls",
      "http://example.com:2379",
    ],
    exitCode: 1,
    text: "expected IP in URL for binding (http://example.com:2379)",
  },
  {
    args: ["--listen-client-urls", "http://127.0.0.1:2379"],
    exitCode: 1,
    text: "--advertise-client-urls is required when --listen-client-urls is set explicitly",
  },
  { args: ["--heartbeat-interval", "0"], exitCode: 1, text: "--heartbeat-interval must be >0 (set to 0ms)" },
  {
    args: ["--heartbeat-interval", "300"],
    exitCode: 1,
    text: "--election-timeout[1000ms] should be at least as 5 times as --heartbeat-interval[300ms]",
  },
  {
    args: ["--election-timeout", "60000"],
    exitCode: 1,
    text: "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
  },
  {
    args: ["--initial-cluster-state", "x"],
    exitCode: 2,
    text: 'invalid value "x" for flag -initial-cluster-state: invalid value',
  },
  {
    args: ["--v2-deprecation=write-only,not-yet"],
    exitCode: 2,
    text: 'invalid value "write-only,not-yet" for flag -v2-deprecation: invalid value "not-yet"',
  },
  { args: ["--logger", "capnslog"], exitCode: 1, text: "--logger=capnslog is removed in v3.5" },
  {
    args: ["--log-format", "xml"],
    exitCode: 1,
    text: "unknown log format: xml, supported values json, console",
  },
  {
    args: ["--cert-file", "a"],
    exitCode: 1,
    text: "KeyFile and CertFile must both be present[key: , cert: a]",
  },
  {
    args: ["--listen-client-urls", "https://127.0.0.1:1", "--advertise-client-urls", "https://127.0.0.1:1"],
    exitCode: 1,
    text: "TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme",
  },
  {
    args: ["--listen-client-http-urls", "https://127.0.0.1:1"],
    exitCode: 1,
    text: "TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme",
  },
  {
    args: ["--listen-metrics-urls", "https://127.0.0.1:1"],
    exitCode: 1,
    text: "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url",
  },
  {
    args: ["--listen-metrics-urls", "http://example.com:1"],
    exitCode: 1,
    text: "expected IP in URL for binding (http://example.com:1)",
  },
  {
    args: ["--listen-client-http-urls", "https://localhost:2379"],
    exitCode: 1,
    text: "cannot bind both --listen-client-urls and --listen-client-http-urls on the same url https://localhost:2379",
  },
  {
    args: ["--peer-client-key-file", "k"],
    exitCode: 1,
    text: "ClientKeyFile and ClientCertFile must both be present or both absent: key: k, cert: ]",
  },
  {
    args: [
      "--listen-client-urls=https://127.0.0.1:1",
      "--advertise-client-urls=https://127.0.0.1:1",
      "--cert-file=c",
      "--key-file=k",
      "--client-cert-file=cc",
    ],
    exitCode: 1,
    text: "ClientKeyFile and ClientCertFile must both be present or both absent: key: , cert: cc]",
  },
  {
    args: ["--listen-peer-urls", "https://127.0.0.1:1"],
    exitCode: 1,
    text: "cannot listen on TLS for 127.0.0.1:1: KeyFile and CertFile are not presented",
  },
  {
    args: ["--peer-cert-allowed-cn", "a,b", "--peer-cert-allowed-hostname", "c"],
    exitCode: 1,
    text: 'AllowedCNs and AllowedHostnames are mutually exclusive (cns=["a" "b"], hostnames=["c"])',
  },
  {
    args: ["--auth-token", "jwt"],
    exitCode: 1,
    text: "auth: invalid auth options",
  },
  { args: ["--auth-token", "jwt,sign-method=none"], exitCode: 1, text: "auth: invalid auth options" },
  { args: ["--auth-token", "simple,ttl"], exitCode: 1, text: "auth: invalid auth options" },
  { args: ["--auth-token", "jwt,sign-method=RS256,ttl=5"], exitCode: 1, text: "auth: invalid auth options" },
  { args: ["--auth-token", "other"], exitCode: 1, text: "auth: invalid auth options" },
  { args: ["--auth-token", "jwt,sign-method=RS256"], exitCode: 1, text: "auth: missing key data" },
  { args: ["--auth-token", "jwt,sign-method=HS256,pub-key=k"], exitCode: 1, text: "auth: missing key data" },
];
for (const { args, exitCode, text } of refused) {
  test(`${args.join(" ")} is refused with one clear line`, () => {
    assert.throws(
      () => configOf(args),
      (error) => error instanceof ConfigError && error.message === text && error.exitCode === exitCode,
    );
  });
}

test("a variable counts like its flag, and both together are a conflict", () => {
  assert.equal(configOf([], { ETCD_NAME: "m1" }).name, "m1");
  assert.equal(configOf(["--name", "m2"], { ETCD_DATA_DIR: "d" }).dataDir, "d");
  assert.throws(
    () => configOf(["--name", "a"], { ETCD_NAME: "b" }),
    /shadowed by corresponding command-line flag/,
  );
  assert.throws(() => configOf([], { ETCD_MAX_TXN_OPS: "x" }), /invalid value "x" for ETCD_MAX_TXN_OPS/);
  assert.deepEqual(configOf([], { ETCD_NAME: "", ETCD_BOGUS: "1" }).warnings, [
    "unrecognized environment variable ETCD_BOGUS",
  ]);
});

test("one dash or two, = or a space, the last one wins", () => {
  const { maxTxnOps, name, preVote } = configOf([
    "-max-txn-ops=0x10",
    "--name",
    "a",
    "--name=b",
    "--pre-vote=false",
  ]);
  assert.deepEqual({ maxTxnOps, name, preVote }, { maxTxnOps: 16, name: "b", preVote: false });
});

test("defaults are etcd's", () => {
  const config = configOf([]);
  assert.equal(config.dataDir, "default.etcd");
  assert.equal(config.electionTicks, 10);
  assert.equal(config.quotaBackendBytes, 2 ** 31);
  assert.equal(config.backendBatchMs, 100);
  assert.equal(config.watchProgressNotifyMs, 600_000);
  assert.deepEqual(config.initialCluster, [{ name: "default", peerUrls: ["http://localhost:2380"] }]);
  assert.equal(configOf(["--quota-backend-bytes=-1"]).quotaBackendBytes, Number.POSITIVE_INFINITY);
  assert.equal(configOf(["--watch-progress-notify-interval", "5ms"]).watchProgressNotifyMs, 100);
});

const keepalives: { args: string[]; want: [minTimeMs: number, intervalMs: number, timeoutMs: number] }[] = [
  { args: [], want: [5_000, 7_200_000, 20_000] },
  { args: ["--grpc-keepalive-min-time=0s"], want: [300_000, 7_200_000, 20_000] },
  { args: ["--grpc-keepalive-min-time=-1s"], want: [300_000, 7_200_000, 20_000] },
  {
    args: ["--grpc-keepalive-interval=0s", "--grpc-keepalive-timeout=1s"],
    want: [5_000, 7_200_000, 20_000],
  },
  {
    args: ["--grpc-keepalive-interval=3s", "--grpc-keepalive-timeout=0s"],
    want: [5_000, 7_200_000, 20_000],
  },
  {
    args: ["--grpc-keepalive-interval=-3s", "--grpc-keepalive-timeout=1s"],
    want: [5_000, 7_200_000, 20_000],
  },
  {
    args: ["--grpc-keepalive-interval=10ms", "--grpc-keepalive-timeout=10ms"],
    want: [5_000, 1_000, 10],
  },
];
for (const { args, want } of keepalives) {
  test(`${args.join(" ") || "no flag"} makes the keepalive ${want.join(", ")} ms`, () => {
    const { keepaliveMinTimeMs, keepaliveIntervalMs, keepaliveTimeoutMs } = configOf(args);
    assert.deepEqual([keepaliveMinTimeMs, keepaliveIntervalMs, keepaliveTimeoutMs], want);
  });
}

test("a peer presents the same certificate in both roles unless another is configured", () => {
  assert.equal(configOf([]).peerTls, undefined);
  const pair = ["--peer-cert-file", "c", "--peer-key-file", "k", "--listen-peer-urls", "https://127.0.0.1:1"];
  const { peerTls } = configOf(pair);
  assert.equal(peerTls?.clientCertFile, "c");
  assert.equal(peerTls.requireClientCertificate, false);
  const other = configOf([
    ...pair,
    "--peer-client-cert-file=cc",
    "--peer-client-key-file=ck",
    "--peer-trusted-ca-file=ca",
  ]).peerTls;
  assert.equal(other?.clientKeyFile, "ck");
  assert.equal(other.requireClientCertificate, true);
});

const durations: [text: string, milliseconds: number | undefined][] = [
  ["300ms", 300],
  ["1m30s", 90_000],
  ["-1.5h", -5_400_000],
  ["0", 0],
  ["1", undefined],
  ["1 s", undefined],
  ["", undefined],
];
for (const [text, milliseconds] of durations) {
  test(`the duration "${text}" is ${milliseconds === undefined ? "none" : `${milliseconds} ms`}`, () => {
    assert.equal(parseDurationMs(text), milliseconds);
  });
}

test("durations print as Go prints them", () => {
  assert.deepEqual([0, 1500, 100, 90_000, 0.0072, 3_600_000].map(formatDuration), [
    "0s",
    "1.5s",
    "100ms",
    "1m30s",
    "7.2µs",
    "1h0m0s",
  ]);
});

test("how the cluster may change is configurable", () => {
  const { strictReconfigCheck, maxLearners, downgradeCheckMs } = configOf([]);
  assert.deepEqual([strictReconfigCheck, maxLearners, downgradeCheckMs], [true, 1, 5_000]);
  const other = configOf(["--strict-reconfig-check=false", "--max-learners=3", "--downgrade-check-time=1m"]);
  assert.deepEqual(
    [other.strictReconfigCheck, other.maxLearners, other.downgradeCheckMs],
    [false, 3, 60_000],
  );
  assert.deepEqual(other.warnings, []);
});

test("flags that a later release will not have are accepted with a warning, whatever their value", () => {
  const { warnings, maxSnapFiles } = configOf(["--max-snapshots=5", "--v2-deprecation", "gone"]);
  assert.equal(maxSnapFiles, 5);
  assert.deepEqual(warnings, [
    "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
    "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
  ]);
  assert.deepEqual(configOf([]).warnings, []);
});

test("a database is defragmented at the start from so many MiB on", () => {
  assert.equal(configOf([]).defragmentAtStartBytes, 0);
  assert.equal(
    configOf(["--bootstrap-defrag-threshold-megabytes=3"]).defragmentAtStartBytes,
    3 * 1024 * 1024,
  );
});
