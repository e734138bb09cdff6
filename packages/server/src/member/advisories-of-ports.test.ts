/** What is wrong with the ports of releases of etcd, and is right here (docs/security-advisories.md). */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import tls from "node:tls";
import { GrpcClient } from "@quorate/rpc/client";
import { until } from "@quorate/testkit/wait";
import { encode } from "@quorate/wire";
import { AlarmRequestSchema, LeaseGrantRequestSchema, PutRequestSchema } from "@quorate/wire/etcdserverpb";
import { WebSocket } from "ws";
import { MAX_CLIENT_VERSIONS } from "../api/call-counts.ts";
import { ConfigError } from "../config/errors.ts";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import type { LogFields, Logger } from "../log/logger.ts";
import { silentLogger } from "../log/logger.ts";
import { makeCertificate, makeRevocationList, type TestCertificate } from "../tls/testing.ts";
import { Member } from "./member.ts";
import { connect, get } from "./testing.ts";
import { addUser, login, mustDo, overGrpc, overJson } from "./ways-to-ask.testing.ts";

const ca = makeCertificate({ commonName: "ca", isCa: true });
const certificateOf = (commonName: string) =>
  makeCertificate({ commonName, issuer: ca, names: ["127.0.0.1"] });
/** Whoever calls a member must not become the user that its own certificate names. */
const server = certificateOf("root");
const put = encode(PutRequestSchema, { key: Buffer.from("k"), value: Buffer.from("v") });

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-advisories-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function start(directory: string, logger: Logger, ...args: string[]): Promise<Member> {
  const flags = [
    `--data-dir=${path.join(directory, "data")}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:1",
    "--bcrypt-cost=4",
    ...args,
  ];
  return Member.start(makeServerConfig(parseFlags(flags, {})), { logger });
}

function startPlain(t: TestContext, logger = silentLogger, ...args: string[]): Promise<Member> {
  return start(newDirectory(t), logger, "--listen-client-urls=http://127.0.0.1:0", ...args);
}

/** With client certificates, of which the list at `crl` revokes some. */
function startSecure(t: TestContext, ...args: string[]) {
  const directory = newDirectory(t);
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(path.join(directory, name), content);
    return path.join(directory, name);
  };
  const revoke = (...serials: string[]) => write("crl.der", makeRevocationList(ca, serials));
  const flags = [
    `--cert-file=${write("server.pem", server.certPem)}`,
    `--key-file=${write("server.key", server.keyPem)}`,
    `--trusted-ca-file=${write("ca.pem", ca.certPem)}`,
    `--client-crl-file=${revoke()}`,
    "--client-cert-auth",
    "--listen-client-urls=https://127.0.0.1:0",
    ...args,
  ];
  return start(directory, silentLogger, ...flags).then((member) => ({ member, revoke }));
}

const tlsOf = ({ certPem, keyPem }: TestCertificate) => ({
  cert: certPem,
  key: keyPem,
  rejectUnauthorized: false,
});

/** All that a member logs. */
function recorder() {
  const lines: { message: string; fields: LogFields }[] = [];
  const write = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
  const logger: Logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    fatal: write,
    for: () => logger,
  };
  return { logger, lines };
}

/** What a put through a websocket is answered with. */
function putByWebsocket(url: string, protocols: string[], certificate: TestCertificate): Promise<string> {
  const target = url.replace(/^http/, "ws");
  const socket = new WebSocket(`${target}/v3/kv/put`, protocols, tlsOf(certificate));
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => socket.send('{"key":"aw==","value":"dg=="}'));
    socket.on("message", (data) => resolve(String(data)));
  });
}

test("over a websocket the member's certificate names nobody, and a token says who one is", async (t) => {
  const { member } = await startSecure(t);
  await using _closed = member;
  const url = member.clientUrls[0]!;
  const nameless = certificateOf("");
  const grpc = await GrpcClient.connect({ address: new URL(url).host, tls: tlsOf(nameless) });
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  await mustDo(ask, "Auth/AuthEnable");
  const token = await login(ask, "root");
  assert.match(await putByWebsocket(url, [], nameless), /user name is empty/);
  assert.match(await putByWebsocket(url, ["Bearer", token], nameless), /"revision"/);
  assert.match(await putByWebsocket(url, ["Bearer", `${token}x`], nameless), /invalid auth token/);
});

for (const split of [false, true]) {
  test(`a revoked certificate is refused on ${split ? "each of two client ports" : "the client port"}`, async (t) => {
    const { member, revoke } = await startSecure(
      t,
      ...(split ? ["--listen-client-http-urls=https://127.0.0.1:0"] : []),
    );
    await using _closed = member;
    const [good, bad] = [certificateOf("good"), certificateOf("bad")];
    const isServed = async (certificate: TestCertificate) => {
      try {
        const address = new URL(member.clientUrls[0]!).host;
        const client = await GrpcClient.connect({ address, tls: tlsOf(certificate) });
        return await get(client, "k").then(
          () => true,
          () => false,
        );
      } catch {
        return false;
      }
    };
    const httpUrl = split ? member.clientHttpUrls[0]! : member.clientUrls[0]!;
    const isAnswered = (certificate: TestCertificate) =>
      putByWebsocket(httpUrl, [], certificate).then(
        () => true,
        () => false,
      );
    assert.deepEqual([await isServed(bad), await isAnswered(bad)], [true, true]);
    revoke(bad.serial);
    assert.deepEqual([await isServed(bad), await isAnswered(bad)], [false, false]);
    assert.deepEqual([await isServed(good), await isAnswered(good)], [true, true]);
  });
}

test("a client that has nothing but weak suites finds none to agree on", async (t) => {
  const { member } = await startSecure(t);
  await using _closed = member;
  const { hostname: host, port } = new URL(member.clientUrls[0]!);
  const agreed = (ciphers: string) =>
    new Promise<string>((resolve) => {
      const options = { host, port: Number(port), ...tlsOf(certificateOf("c")) };
      try {
        const socket = tls.connect({ ...options, ciphers, maxVersion: "TLSv1.2" }, () => {
          socket.destroy();
          resolve("agreed");
        });
        socket.on("error", () => resolve("refused"));
      } catch {
        // The runtime of the client has none of them either.
        resolve("refused");
      }
    });
  assert.equal(await agreed("ECDHE-ECDSA-AES128-GCM-SHA256"), "agreed");
  for (const weak of ["NULL", "aNULL", "RC4", "3DES", "EXPORT", "DES"]) {
    assert.equal(await agreed(`${weak}:@SECLEVEL=0`), "refused", weak);
  }
});

test("there is no API before the third, and nothing to debug requests with", async (t) => {
  const { logger, lines } = recorder();
  await using member = await startPlain(t, logger, "--log-level=debug");
  const grpc = await connect(member);
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  await mustDo(ask, "Auth/AuthEnable");
  await login(ask, "root");
  const told: string[] = [];
  for (const target of ["/v2/keys/k", "/v2/members", "/debug/requests", "/debug/events"]) {
    for (const method of ["GET", "POST"]) {
      const response = await fetch(member.clientUrls[0] + target, { method });
      assert.equal(response.status, 404, target);
      told.push(await response.text());
    }
  }
  for (const target of ["/debug/vars", "/debug/pprof/", "/metrics"]) {
    told.push(await (await fetch(member.clientUrls[0] + target)).text());
  }
  assert.ok(lines.length > 0);
  assert.equal(/\bpw\b|\$2a\$/.exec(told.join("\n") + JSON.stringify(lines, textOfBigInts)), null);
});

const textOfBigInts = (_key: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);

test("who serves in plain text is told that it is discouraged", async (t) => {
  const { logger, lines } = recorder();
  await using _member = await startPlain(t, logger);
  assert.ok(lines.some(({ message }) => message.includes("insecurely; this is strongly discouraged")));
});

test("a retention below nothing stops the start", () => {
  for (const mode of ["periodic", "revision"]) {
    const flags = [`--auto-compaction-mode=${mode}`, "--auto-compaction-retention=-1"];
    assert.throws(() => makeServerConfig(parseFlags(flags, {})), ConfigError);
  }
});

test("what clients say of themselves makes few metrics", async (t) => {
  await using member = await startPlain(t);
  const grpc = await connect(member);
  t.after(() => grpc.close());
  for (let i = 0; i < 2 * MAX_CLIENT_VERSIONS; i++) {
    const metadata = { "client-api-version": `planted-${i}`, "user-agent": `agent-${i}` };
    await grpc.unary("/etcdserverpb.KV/Put", put, { metadata });
    await grpc.unary(`/etcdserverpb.KV/Planted${i}`, put, { metadata }).catch(() => {});
  }
  const metrics = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
  // Of the versions that clients name etcd has a metric, too; of the others there is one together.
  const versions = new Set(metrics.match(/planted-\d+/g));
  assert.ok(versions.size > 0 && versions.size <= MAX_CLIENT_VERSIONS, `${versions.size}`);
  assert.match(metrics, /client_api_version="unknown"/);
  assert.doesNotMatch(metrics, /agent-\d|Planted\d/);
});

test("a path without a leading slash leads to no method, whoever asks", async (t) => {
  await using member = await startPlain(t);
  const grpc = await connect(member);
  t.after(() => grpc.close());
  for (const target of ["etcdserverpb.KV/Put", "//etcdserverpb.KV/Put", "/etcdserverpb.KV/Put/"]) {
    await assert.rejects(grpc.unary(target, put), (error: { code?: number }) => error.code === 12);
  }
  assert.equal((await get(grpc, "k")).count, 0n);
});

test("an alarm of no type is not raised", async (t) => {
  await using member = await startPlain(t);
  const ask = overJson(member.clientUrls[0]!);
  const { failure } = await ask("Maintenance/Alarm", encode(AlarmRequestSchema, { action: 1, memberID: 1n }));
  assert.equal(failure, "none");
  const alarms = await mustDo(ask, "Maintenance/Alarm", encode(AlarmRequestSchema, { action: 0 }));
  assert.equal(Buffer.from(alarms).includes(0x12), false);
  await mustDo(ask, "KV/Put", put);
});

test("a token means nothing while there are no users, also one that was one", async (t) => {
  await using member = await startPlain(t);
  const grpc = await connect(member);
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  await mustDo(ask, "Auth/AuthEnable");
  const token = await login(ask, "root");
  await mustDo(ask, "Auth/AuthDisable", undefined, token);
  for (const way of [ask, overJson(member.clientUrls[0]!)]) {
    for (const old of [token, "", "Bearer x", "x.99999999999"]) await mustDo(way, "KV/Put", put, old);
  }
});

for (const [name, args] of [
  ["makes none", ["--auth-token="]],
  ["only verifies them", []],
] as const) {
  test(`leases of users end where a member that gives out tokens ${name}`, async (t) => {
    const directory = newDirectory(t);
    const publicKey = path.join(directory, "key.pem");
    writeFileSync(publicKey, server.certPem);
    const verifies = [`--auth-token=jwt,sign-method=ES256,pub-key=${publicKey}`];
    await using member = await start(
      directory,
      silentLogger,
      "--listen-client-urls=http://127.0.0.1:0",
      ...(args.length === 0 ? verifies : args),
    );
    const grpc = await connect(member);
    t.after(() => grpc.close());
    const ask = overGrpc(grpc);
    await addUser(ask, "root", []);
    await mustDo(ask, "Lease/LeaseGrant", encode(LeaseGrantRequestSchema, { ID: 7n, TTL: 1n }));
    await mustDo(ask, "Auth/AuthEnable");
    assert.notEqual((await ask("Lease/LeaseLeases")).failure, "none");
    const expired = async () =>
      /^etcd_debugging_server_lease_expired_total 1$/m.test(
        await (await fetch(`${member.clientUrls[0]}/metrics`)).text(),
      );
    const revoked = async () =>
      /^etcd_debugging_lease_revoked_total 1$/m.test(
        await (await fetch(`${member.clientUrls[0]}/metrics`)).text(),
      );
    await until(async () => (await expired()) && (await revoked()));
    assert.equal((await fetch(`${member.clientUrls[0]}/health`)).status, 200);
  });
}

test("a member makes its directories for itself, and warns of those that are open to others", async (t) => {
  for (const mode of [undefined, 0o700, 0o777]) {
    const directory = newDirectory(t);
    const data = path.join(directory, "data");
    if (mode !== undefined) mkdirSync(data);
    if (mode !== undefined) chmodSync(data, mode);
    const { logger, lines } = recorder();
    await using _member = await start(directory, logger, "--listen-client-urls=http://127.0.0.1:0");
    assert.equal(statSync(data).mode & 0o777, mode ?? 0o700);
    for (const below of ["member", "member/wal", "member/snap"]) {
      assert.equal(statSync(path.join(data, below)).mode & 0o777, 0o700, below);
    }
    const warned = lines.filter(({ message }) => message === "a directory of data is open to others");
    assert.deepEqual(
      warned.map(({ fields }) => [fields.directory, fields.mode]),
      mode === 0o777 ? [[data, "777"]] : [],
    );
  }
});
