import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { executeEtcdCommand } from "../command-line/etcd-command.ts";
import { Output } from "../command-line/output.ts";
import { StandardInput } from "../command-line/stdin.ts";
import { GRPC_PROXY } from "./commands.ts";

async function runLine(line: string): Promise<{ code: number; out: string; err: string }> {
  const written = ["", "", ""];
  const output = new Output((descriptor, bytes) => {
    written[descriptor] += bytes.toString();
  });
  const input = new StandardInput(() => process.stdin);
  const code = await executeEtcdCommand(GRPC_PROXY, line.split(" "), { environment: {}, input, output });
  return { code, out: written[1]!, err: written[2]! };
}

const folder = mkdtempSync(path.join(tmpdir(), "quorate-grpc-proxy-"));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(path.join(folder, "empty"), "");

const refused = [
  { args: "--resolver-prefix=p", err: "invalid resolver-ttl 0" },
  { args: "--resolver-prefix=p --resolver-ttl=-1", err: "invalid resolver-ttl -1" },
  { args: "--resolver-ttl=5", err: 'invalid resolver-prefix ""' },
  {
    args: "--resolver-prefix=p --resolver-ttl=5 --advertise-client-url=",
    err: 'invalid advertise-client-url ""',
  },
  {
    args: "--auto-tls --self-signed-cert-validity=0",
    err: "selfSignedCertValidity is invalid,it should be greater than 0",
  },
  {
    args: "--tls-min-version=TLS1.1",
    err: 'tls-min-version is invalid: unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)',
  },
  {
    args: "--tls-max-version=x",
    err: 'tls-max-version is invalid: unexpected TLS version "x" (must be one of: TLS1.2, TLS1.3)',
  },
  {
    args: "--tls-min-version=TLS1.3 --tls-max-version=TLS1.2",
    err: "min version (TLS1.3) is greater than max version (TLS1.2)",
  },
  {
    args: "--tls-min-version=TLS1.3 --listen-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    err: "cipher suites cannot be configured when only TLS1.3 is enabled",
  },
  { args: "--listen-cipher-suites=TLS_NULL", err: 'unexpected TLS cipher suite "TLS_NULL"' },
  { args: "--cert-file=a", err: "KeyFile and CertFile must both be present[key: , cert: a]" },
  { args: "--key=k", err: "KeyFile and CertFile must both be present[key: k, cert: ]" },
  { args: `--cacert=${folder}/none`, err: `ENOENT: no such file or directory, open '${folder}/none'` },
  { args: "--endpoints=a", err: 'endpoint "a" is not host:port or a URL' },
  { args: "--endpoints=", err: "no endpoints found" },
  { args: "--listen-addr=zz", err: "listen tcp: address zz: missing port in address" },
  {
    args: "--listen-addr=127.0.0.1:70000",
    err: "listen tcp: address 127.0.0.1:70000: missing port in address",
  },
];
for (const { args, err } of refused) {
  test(`grpc-proxy start ${args.replace(folder, "DIR")} is refused`, async () => {
    assert.deepEqual(await runLine(`etcd grpc-proxy start ${args}`), { code: 1, out: "", err: `${err}\n` });
  });
}

test("grpc-proxy start --help tells of etcd's flags", async () => {
  const { code, out } = await runLine("etcd grpc-proxy start --help");
  assert.equal(code, 0);
  assert.match(out, /^start the grpc proxy\n\nUsage:\n {2}etcd grpc-proxy start \[flags\]\n/);
  const named = [...out.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name);
  assert.deepEqual(named.filter((name) => name !== "help").sort(), ETCD_FLAGS);
});

/** Of etcd 3.7.3. */
const ETCD_FLAGS = [
  ...[
    "advertise-client-url",
    "auto-tls",
    "cacert",
    "cert",
    "cert-file",
    "client-crl-file",
    "data-dir",
    "debug",
  ],
  ...["dial-keepalive-time", "dial-keepalive-timeout", "discovery-srv", "discovery-srv-name", "enable-pprof"],
  ...["endpoints", "endpoints-auto-sync-interval", "experimental-enable-grpc-logging"],
  ...["experimental-leasing-prefix", "experimental-serializable-ordering", "grpc-keepalive-interval"],
  ...["grpc-keepalive-min-time", "grpc-keepalive-timeout", "insecure-discovery", "insecure-skip-tls-verify"],
  ...["key", "key-file", "listen-addr", "listen-cipher-suites", "max-concurrent-streams", "max-recv-bytes"],
  ...[
    "max-send-bytes",
    "metrics-addr",
    "namespace",
    "permit-without-stream",
    "resolver-prefix",
    "resolver-ttl",
  ],
  ...["self-signed-cert-validity", "tls-max-version", "tls-min-version", "trusted-ca-file"],
];
