import assert from "node:assert/strict";
import test from "node:test";
import { ConfigError } from "./errors.ts";
import { parseFlags } from "./parse-flags.ts";
import { makeServerConfig } from "./server-config.ts";

const configOf = (args: readonly string[]) => makeServerConfig(parseFlags(args, {}));
const CLIENT = [
  "--auto-tls",
  "--listen-client-urls=https://127.0.0.1:1",
  "--advertise-client-urls=https://h:1",
];
const PEER = ["--peer-auto-tls", "--listen-peer-urls=https://127.0.0.1:2"];

test("generated files lie in the data directory, one pair a side", () => {
  const { clientTls, peerTls, warnings } = configOf([...CLIENT, ...PEER, "--data-dir=d"]);
  assert.deepEqual(
    [clientTls?.certFile, clientTls?.keyFile, peerTls?.certFile, peerTls?.keyFile],
    [
      "d/fixtures/client/cert.pem",
      "d/fixtures/client/key.pem",
      "d/fixtures/peer/cert.pem",
      "d/fixtures/peer/key.pem",
    ],
  );
  assert.deepEqual([peerTls?.clientCertFile, peerTls?.clientKeyFile], [peerTls?.certFile, peerTls?.keyFile]);
  assert.deepEqual(clientTls?.generated, { hosts: ["127.0.0.1"], validityYears: 1 });
  assert.deepEqual(warnings, []);
});

test("versions and validity hold for generated certificates as well", () => {
  const { peerTls } = configOf([...PEER, "--self-signed-cert-validity=3", "--tls-min-version=TLS1.3"]);
  assert.equal(peerTls?.generated?.validityYears, 3);
  assert.equal(peerTls.minVersion, "TLSv1.3");
});

const hostCases: { urls: string; hosts: string[] }[] = [
  { urls: "https://localhost:1,https://127.0.0.1:2,http://127.0.0.1:3", hosts: ["127.0.0.1", "localhost"] },
  { urls: "https://0.0.0.0:1,https://[0:0::1]:1", hosts: ["0.0.0.0", "::1"] },
  { urls: "https://[::ffff:10.0.0.1]:1,https://[fe80::2%3]:1", hosts: ["10.0.0.1", "fe80::2"] },
  { urls: "unixs://localhost:1", hosts: ["localhost"] },
  { urls: "unixs:///run/socket", hosts: [] },
];
for (const { urls, hosts } of hostCases) {
  test(`a certificate for ${urls} names ${hosts.join(", ") || "nobody"}`, () => {
    const { peerTls } = configOf(["--peer-auto-tls", `--listen-peer-urls=${urls}`]);
    assert.deepEqual(peerTls?.generated?.hosts, hosts);
  });
}

const refused = [
  { validity: "0", text: "selfSignedCertValidity is invalid,it should be greater than 0" },
  { validity: "293", text: "--self-signed-cert-validity must be at most 292 years (set to 293)" },
];
for (const { validity, text } of refused) {
  test(`generated certificates cannot be valid for ${validity} years`, () => {
    for (const args of [CLIENT, PEER]) {
      assert.throws(
        () => configOf([...args, `--self-signed-cert-validity=${validity}`]),
        (error) => error instanceof ConfigError && error.message === text,
      );
    }
  });
}

test("without generated certificates their validity does not matter", () => {
  assert.deepEqual(configOf(["--self-signed-cert-validity=0"]).warnings, []);
});

test("given certificates win", () => {
  const { clientTls, peerTls, warnings } = configOf([
    ...CLIENT,
    ...PEER,
    "--cert-file=c",
    "--key-file=k",
    "--peer-cert-file=pc",
    "--peer-key-file=pk",
  ]);
  assert.deepEqual([clientTls?.certFile, clientTls?.generated], ["c", undefined]);
  assert.deepEqual([peerTls?.certFile, peerTls?.generated], ["pc", undefined]);
  assert.deepEqual(warnings, [
    "ignoring client auto TLS since certs given",
    "ignoring peer auto TLS since certs given",
  ]);
});

test("half a given pair stays a mistake", () => {
  assert.throws(() => configOf([...CLIENT, "--key-file=k"]), /must both be present\[key: k, cert: \]/);
  assert.throws(() => configOf([...PEER, "--peer-cert-file=c"]), /must both be present\[key: , cert: c\]/);
});

test("who asks for verified clients or members as well is told that nobody is verified", () => {
  const client = configOf([...CLIENT, "--client-cert-auth", "--trusted-ca-file=ca"]);
  assert.deepEqual(
    [client.clientTls?.requireClientCertificate, client.clientTls?.trustedCaFile],
    [false, ""],
  );
  assert.deepEqual(client.warnings, [
    "--auto-tls turns --client-cert-auth, --trusted-ca-file off: connections are encrypted, but nobody is authenticated",
  ]);
  const peer = configOf([
    ...PEER,
    "--peer-trusted-ca-file=ca",
    "--peer-cert-allowed-cn=a",
    "--peer-client-cert-auth=false",
  ]);
  assert.deepEqual(
    [peer.peerTls?.requireClientCertificate, peer.peerTls?.trustedCaFile, peer.peerTls?.allowedCommonNames],
    [false, "", []],
  );
  assert.deepEqual(peer.warnings, [
    "--peer-auto-tls turns --peer-trusted-ca-file, --peer-cert-allowed-cn off: connections are encrypted, but nobody is authenticated",
  ]);
});

test("with plaintext URLs only there is a warning, and members are still dialled without verification", () => {
  const { clientTls, peerTls, warnings } = configOf(["--auto-tls", "--peer-auto-tls"]);
  assert.equal(clientTls, undefined);
  assert.deepEqual(peerTls?.generated?.hosts, ["localhost"]);
  assert.deepEqual(warnings, [
    "--auto-tls is given, but every client URL is plaintext",
    "--peer-auto-tls is given, but every peer URL is plaintext",
  ]);
});
