import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { makeCertificate, makeRevocationList, type TestCertificate } from "../tls/testing.ts";
import { Member } from "./member.ts";
import { get } from "./testing.ts";

const ca = makeCertificate({ commonName: "etcd", isCa: true });
const intermediate = makeCertificate({ commonName: "etcd", isCa: true, issuer: ca });
const server = makeCertificate({ commonName: "server", issuer: ca, names: ["127.0.0.1"] });

function openDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-client-certificates-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A member in `directory`, where `server.pem`, `server.key` and `trusted.pem` are. */
function start(directory: string, ...args: string[]): Promise<Member> {
  const flags = [
    `--data-dir=${path.join(directory, "data")}`,
    `--cert-file=${path.join(directory, "server.pem")}`,
    `--key-file=${path.join(directory, "server.key")}`,
    `--trusted-ca-file=${path.join(directory, "trusted.pem")}`,
    "--client-cert-auth",
    "--listen-peer-urls=http://127.0.0.1:0",
    "--listen-client-urls=https://127.0.0.1:0",
    "--advertise-client-urls=https://127.0.0.1:0",
    ...args,
  ];
  return Member.start(makeServerConfig(parseFlags(flags, {})));
}

function write(directory: string, own: TestCertificate, trusted: string): void {
  writeFileSync(path.join(directory, "server.pem"), own.certPem);
  writeFileSync(path.join(directory, "server.key"), own.keyPem);
  writeFileSync(path.join(directory, "trusted.pem"), trusted);
}

interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** Whether this client is served, by gRPC and by HTTP, which must agree. */
async function isServed(member: Member, identity: Identity): Promise<boolean> {
  const url = new URL(member.clientUrls[0]!);
  const byHttp = await new Promise<boolean>((resolve) => {
    const options = {
      host: url.hostname,
      port: url.port,
      path: "/health",
      agent: false,
      rejectUnauthorized: false,
    };
    https
      .get({ ...options, ...identity }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      })
      .on("error", () => resolve(false));
  });
  let byGrpc = false;
  try {
    const client = await GrpcClient.connect({
      address: url.host,
      tls: { ...identity, rejectUnauthorized: false },
    });
    await get(client, "k").then(() => {
      byGrpc = true;
    });
    client.close();
  } catch {
    // Refused.
  }
  assert.equal(byHttp, byGrpc);
  return byGrpc;
}

const identityOf = ({ certPem, keyPem }: TestCertificate): Identity => ({ cert: certPem, key: keyPem });

const client = makeCertificate({ commonName: "client", issuer: intermediate, names: ["client.example"] });
const other = makeCertificate({ commonName: "other", issuer: intermediate, names: ["other.example"] });
const trustCases = [
  { trusted: [intermediate], served: [client, other], refused: [] },
  { trusted: [client], served: [client], refused: [other] },
  { trusted: [ca], served: [], refused: [client, other] },
  { trusted: [ca, intermediate], served: [client, other], refused: [] },
];
for (const { trusted, served, refused } of trustCases) {
  const nameOf = (certificate: TestCertificate) =>
    certificate === ca
      ? "the root"
      : certificate === intermediate
        ? "the intermediate"
        : "a client's certificate";
  test(`trusting ${trusted.map(nameOf).join(" and ")}, a member serves ${served.length} of 2 clients`, async (t) => {
    const directory = openDirectory(t);
    write(directory, server, trusted.map(({ certPem }) => certPem).join(""));
    await using member = await start(directory);
    for (const each of served) assert.equal(await isServed(member, identityOf(each)), true);
    for (const each of refused) assert.equal(await isServed(member, identityOf(each)), false);
  });
}

test("clients are refused by the revocation list and by the names that are allowed", async (t) => {
  const directory = openDirectory(t);
  write(directory, server, intermediate.certPem);
  const crlFile = path.join(directory, "crl.der");
  writeFileSync(crlFile, makeRevocationList(ca, []));
  await using member = await start(
    directory,
    `--client-crl-file=${crlFile}`,
    "--client-cert-allowed-hostname=client.example",
  );
  assert.equal(await isServed(member, identityOf(client)), true);
  assert.equal(await isServed(member, identityOf(other)), false);
  writeFileSync(crlFile, makeRevocationList(ca, [client.serial]));
  assert.equal(await isServed(member, identityOf(client)), false);
});

/** What people have: a CA and a certificate of one name, made without key identifiers or with them. */
function makeWithOpenssl(directory: string, keyIdentifiers: boolean): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=etcd"];
  openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "trusted.pem", "-days", "9");
  const identifiers = keyIdentifiers
    ? "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    : "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n";
  writeFileSync(path.join(directory, "extensions"), `${identifiers}subjectAltName=IP:127.0.0.1\n`);
  for (const name of ["server", "client"]) {
    openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    const signedBy = ["-CA", "trusted.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    const extensions = ["-days", "9", "-extfile", "extensions"];
    openssl("x509", "-req", "-in", `${name}.csr`, ...signedBy, ...extensions, "-out", `${name}.pem`);
  }
  openssl("req", "-x509", ...newKey, "-keyout", "self.key", "-out", "self.pem", "-days", "9");
}

for (const keyIdentifiers of [true, false]) {
  const how = keyIdentifiers ? "with" : "without";
  test(`openssl's certificates of one name, ${how} key identifiers, are told apart`, async (t) => {
    if (spawnSync("openssl", ["version"]).status !== 0) {
      t.skip("openssl is not installed");
      return;
    }
    const directory = openDirectory(t);
    makeWithOpenssl(directory, keyIdentifiers);
    const identity = (name: string) => ({
      cert: readFileSync(path.join(directory, `${name}.pem`), "utf8"),
      key: readFileSync(path.join(directory, `${name}.key`), "utf8"),
    });
    await using member = await start(directory);
    assert.equal(await isServed(member, identity("client")), true);
    assert.equal(await isServed(member, identity("self")), false);
    // The trusted one itself, to sign with, is an identity, too.
    copyFileSync(path.join(directory, "trusted.pem"), path.join(directory, "ca.pem"));
    assert.equal(await isServed(member, identity("ca")), true);
  });
}

test("a replaced certificate is presented to the next client, a replaced CA judges it, and who is there stays", async (t) => {
  const directory = openDirectory(t);
  write(directory, server, intermediate.certPem);
  await using member = await start(directory);
  const address = new URL(member.clientUrls[0]!).host;
  const strangeCa = makeCertificate({ commonName: "another ca", isCa: true });
  const stranger = makeCertificate({ commonName: "stranger", issuer: strangeCa });
  const connect = (own: TestCertificate, trusted: TestCertificate) =>
    GrpcClient.connect({ address, tls: { ...identityOf(own), ca: trusted.certPem } });
  const before = await connect(client, ca);
  const next = makeCertificate({ commonName: "next", issuer: strangeCa, names: ["127.0.0.1"] });
  write(directory, next, strangeCa.certPem);
  await assert.rejects(connect(client, ca));
  const after = await connect(stranger, strangeCa);
  assert.equal(await isServed(member, identityOf(client)), false);
  for (const each of [before, after]) {
    await get(each, "k");
    each.close();
  }
});

const missing = [
  { flag: "cert-file", path: "/nowhere", error: /cannot read --cert-file: .*\/nowhere/ },
  { flag: "trusted-ca-file", path: "/nowhere", error: /cannot read --trusted-ca-file: .*\/nowhere/ },
  { flag: "key-file", path: "other.key", error: /--cert-file .* and --key-file .*: .*mismatch/ },
];
for (const { flag, path: file, error } of missing) {
  test(`a --${flag} of no use ends the start before there is any data`, async (t) => {
    const directory = openDirectory(t);
    write(directory, server, ca.certPem);
    writeFileSync(path.join(directory, "other.key"), client.keyPem);
    await assert.rejects(start(directory, `--${flag}=${path.resolve(directory, file)}`), error);
    assert.equal(existsSync(path.join(directory, "data")), false);
  });
}
