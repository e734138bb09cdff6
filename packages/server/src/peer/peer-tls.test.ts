import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import test, { type TestContext } from "node:test";
import tls from "node:tls";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import type { TlsSettings } from "../config/tls-settings.ts";
import { addressObjection, type NameResolver } from "../tls/client-address.ts";
import { revokedSerials } from "../tls/revocation.ts";
import {
  certificatesOf,
  makeCertificate,
  makeRevocationList,
  systemCertificates,
  type TestCertificate,
  writeTls,
} from "../tls/testing.ts";
import { PeerDialer } from "./dialer.ts";
import { parsePeerUrl } from "./peer-address.ts";
import type { PeerResponse } from "./peer-requests.ts";
import { startMember, type TestMember, testRequests } from "./testing.ts";

const ca = makeCertificate({ commonName: "test ca", isCa: true });
const strangeCa = makeCertificate({ commonName: "another ca", isCa: true });
const member = (options: { commonName?: string; names?: string[]; issuer?: TestCertificate } = {}) =>
  makeCertificate({ commonName: "member", names: ["127.0.0.1"], issuer: ca, ...options });
const server = member();
const intermediate = makeCertificate({ commonName: "an intermediate", isCa: true, issuer: ca });
const ofIntermediate = member({ issuer: intermediate });
/** Named as the CA that signed it. */
const namesake = member({ commonName: "test ca" });

function filesOf(t: TestContext, own: TestCertificate, settings: Partial<TlsSettings> = {}, trusted = ca) {
  return certificatesOf(writeTls(t, own, trusted, settings).settings);
}

async function listen(
  t: TestContext,
  settings: Partial<TlsSettings> = {},
  own = server,
  trusted = ca,
): Promise<TestMember> {
  return startMember(t, 0xan, {
    listenUrl: "https://127.0.0.1:0",
    certificates: filesOf(t, own, settings, trusted),
    resolver: { namesOf: async () => [], addressesOf: async () => [] },
  });
}

async function probe(
  t: TestContext,
  url: string,
  own: TestCertificate | undefined,
  settings: Partial<TlsSettings> = {},
  trusted = ca,
): Promise<PeerResponse> {
  const files = own === undefined ? { clientCertFile: "", clientKeyFile: "" } : {};
  const certificates = filesOf(t, own ?? server, { ...files, ...settings }, trusted);
  const requests = testRequests(new PeerDialer(() => certificates));
  t.after(() => requests.close());
  return requests.send(url, { method: "GET", path: "/raft/probing", timeoutMs: 5_000 });
}

test("two members link over TLS", async (t) => {
  const a = await listen(t);
  const b = await startMember(t, 0xbn, {
    listenUrl: "https://127.0.0.1:0",
    certificates: filesOf(t, member()),
  });
  a.transport.addPeer(b.id, [b.url]);
  b.transport.addPeer(a.id, [a.url]);
  await until(() => a.transport.attachedStreams(b.id) === 2 && b.transport.attachedStreams(a.id) === 2);
});

test("a certificate has to be for the name that is expected, whichever host is dialled", async (t) => {
  const ofDomain = member({ names: ["127.0.0.1", "example.com"] });
  const a = await listen(t, {}, ofDomain);
  const certificates = filesOf(t, member());
  for (const [name, accepted] of [
    ["example.com", true],
    ["example.org", false],
  ] as const) {
    const dialer = new PeerDialer(() => certificates);
    dialer.expectName(name);
    const requests = testRequests(dialer);
    t.after(() => requests.close());
    const probed = requests.send(a.url, { method: "GET", path: "/raft/probing", timeoutMs: 5_000 });
    if (accepted) assert.equal((await probed).status, 200);
    else await assert.rejects(probed, /the certificate is not for example\.org/);
  }
});

interface AccessCase {
  readonly name: string;
  readonly own?: TestCertificate | undefined;
  readonly server?: Partial<TlsSettings>;
  readonly serverCertificate?: TestCertificate;
  readonly client?: Partial<TlsSettings>;
  /** What the server trusts, and what the client does: the CA unless given. */
  readonly serverTrusts?: TestCertificate;
  readonly clientTrusts?: TestCertificate;
  readonly accepted: boolean;
}

const cases: AccessCase[] = [
  { name: "a certificate of the CA", own: member(), accepted: true },
  { name: "no certificate", own: undefined, accepted: false },
  {
    name: "no certificate where none is asked for",
    own: undefined,
    server: { requireClientCertificate: false },
    accepted: true,
  },
  { name: "a certificate of another CA", own: member({ issuer: strangeCa }), accepted: false },
  {
    name: "a certificate that is only for servers",
    own: makeCertificate({ commonName: "s", issuer: ca, names: ["127.0.0.1"], usage: ["serverAuth"] }),
    accepted: false,
  },
  { name: "a certificate for another address", own: member({ names: ["10.0.0.1"] }), accepted: false },
  {
    name: "a certificate for another address where that is not compared",
    own: member({ names: ["10.0.0.1"] }),
    server: { verifyClientAddress: false },
    accepted: true,
  },
  { name: "a certificate without names", own: member({ names: [] }), accepted: true },
  {
    name: "an allowed common name",
    own: member({ commonName: "m1" }),
    server: { allowedCommonNames: ["m0", "m1"] },
    accepted: true,
  },
  {
    name: "a common name that is not allowed",
    own: member({ commonName: "m1" }),
    server: { allowedCommonNames: ["m", "m12"] },
    accepted: false,
  },
  {
    name: "an allowed host name by wildcard",
    own: member({ names: ["*.cluster.example", "127.0.0.1"] }),
    server: { allowedHostnames: ["m1.cluster.example"] },
    accepted: true,
  },
  {
    name: "a host name only as common name",
    own: member({ commonName: "m1.cluster.example" }),
    server: { allowedHostnames: ["m1.cluster.example"] },
    accepted: false,
  },
  {
    name: "a server whose common name is not allowed",
    own: member(),
    client: { allowedCommonNames: ["somebody"] },
    accepted: false,
  },
  {
    name: "a server for another address",
    own: member(),
    serverCertificate: member({ names: ["10.0.0.1"] }),
    accepted: false,
  },
  {
    name: "a server of another CA",
    own: member(),
    serverCertificate: member({ issuer: strangeCa }),
    accepted: false,
  },
  {
    name: "a certificate of an intermediate that alone is trusted",
    own: ofIntermediate,
    serverTrusts: intermediate,
    accepted: true,
  },
  {
    name: "a certificate of an intermediate where the root is trusted and the intermediate not shown",
    own: ofIntermediate,
    accepted: false,
  },
  {
    name: "a certificate that itself is trusted",
    own: ofIntermediate,
    serverTrusts: ofIntermediate,
    accepted: true,
  },
  {
    name: "a certificate of the same issuer as the trusted one",
    own: member({ issuer: intermediate }),
    serverTrusts: ofIntermediate,
    accepted: false,
  },
  { name: "a certificate named as its issuer", own: namesake, accepted: true },
  {
    name: "a certificate that is named as the CA and signed itself",
    own: makeCertificate({ commonName: "test ca", names: ["127.0.0.1"] }),
    accepted: false,
  },
  {
    name: "a certificate whose key is not for signatures",
    own: makeCertificate({ commonName: "m", issuer: ca, names: ["127.0.0.1"], keyUsage: "keyEncipherment" }),
    accepted: true,
  },
  {
    name: "a server of an intermediate that alone is trusted",
    own: member(),
    serverCertificate: ofIntermediate,
    clientTrusts: intermediate,
    accepted: true,
  },
  {
    name: "a server whose certificate itself is trusted",
    own: member(),
    serverCertificate: ofIntermediate,
    clientTrusts: ofIntermediate,
    accepted: true,
  },
  {
    name: "a server of the same issuer as the trusted one",
    own: member(),
    serverCertificate: member({ issuer: intermediate }),
    clientTrusts: ofIntermediate,
    accepted: false,
  },
  { name: "a server named as its issuer", own: member(), serverCertificate: namesake, accepted: true },
  {
    name: "a server named as its issuer, for another address",
    own: member(),
    serverCertificate: member({ commonName: "test ca", names: ["10.0.0.1"] }),
    accepted: false,
  },
  {
    name: "a server whose certificate is only for clients",
    own: member(),
    serverCertificate: makeCertificate({
      commonName: "test ca",
      issuer: ca,
      names: ["127.0.0.1"],
      usage: ["clientAuth"],
    }),
    accepted: false,
  },
];
for (const {
  name,
  own,
  server: settings,
  serverCertificate,
  client,
  serverTrusts,
  clientTrusts,
  accepted,
} of cases) {
  test(`${name} is ${accepted ? "accepted" : "refused"}`, async (t) => {
    const { url } = await listen(t, settings, serverCertificate, serverTrusts);
    const answer = probe(t, url, own, client, clientTrusts);
    if (accepted) assert.equal((await answer).status, 200);
    else await assert.rejects(answer);
  });
}

test("certificates are read again for each connection, in both roles", async (t) => {
  const ownFiles = writeTls(t, server, ca);
  const { url } = await startMember(t, 0xan, {
    listenUrl: "https://127.0.0.1:0",
    certificates: certificatesOf(ownFiles.settings),
  });
  const clientFiles = writeTls(t, member(), ca);
  const clientCertificates = certificatesOf(clientFiles.settings);
  const dialer = new PeerDialer(() => clientCertificates);
  const ask = async () => {
    const requests = testRequests(dialer);
    try {
      return (await requests.send(url, { method: "GET", path: "/raft/probing", timeoutMs: 5_000 })).status;
    } finally {
      requests.close();
    }
  };
  const replace = (directory: string, { certPem, keyPem }: TestCertificate) => {
    writeFileSync(path.join(directory, "cert.pem"), certPem);
    writeFileSync(path.join(directory, "key.pem"), keyPem);
  };
  assert.equal(await ask(), 200);
  replace(clientFiles.directory, member({ issuer: strangeCa }));
  await assert.rejects(ask());
  replace(clientFiles.directory, member());
  assert.equal(await ask(), 200);
  replace(ownFiles.directory, member({ names: ["10.0.0.1"] }));
  await assert.rejects(ask());
  writeFileSync(path.join(ownFiles.directory, "cert.pem"), "broken");
  await assert.rejects(ask());
  replace(ownFiles.directory, member());
  assert.equal(await ask(), 200);
});

test("a revoked certificate is refused, and everyone while the list cannot be read", async (t) => {
  const revoked = member();
  const { directory, settings } = writeTls(t, server, ca);
  const crlFile = path.join(directory, "crl.der");
  writeFileSync(crlFile, makeRevocationList(ca, []));
  const { url } = await startMember(t, 0xan, {
    listenUrl: "https://127.0.0.1:0",
    certificates: certificatesOf({ ...settings, crlFile }),
  });
  assert.equal((await probe(t, url, revoked)).status, 200);
  writeFileSync(crlFile, makeRevocationList(ca, ["01", revoked.serial]));
  await assert.rejects(probe(t, url, revoked));
  assert.equal((await probe(t, url, member())).status, 200);
  writeFileSync(crlFile, "no list");
  await assert.rejects(probe(t, url, member()));
});

test("a list is read whole or not at all", () => {
  const list = makeRevocationList(ca, ["01", "4d00ff"]);
  assert.deepEqual([...revokedSerials(list)], ["1", "4d00ff"]);
  assert.deepEqual([...revokedSerials(makeRevocationList(ca, []))], []);
  for (let length = 0; length < list.length; length++) {
    assert.throws(() => revokedSerials(list.subarray(0, length)), /malformed/);
  }
});

test("no protocol is negotiated unless it is HTTP/1.1", async (t) => {
  const { url } = await listen(t, { requireClientCertificate: false });
  const port = Number(new URL(url).port);
  const negotiate = (ALPNProtocols: string[] | undefined) =>
    new Promise<string | false | null>((resolve, reject) => {
      const socket = tls.connect({
        host: "127.0.0.1",
        port,
        ca: ca.certPem,
        ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
      });
      socket.on("secureConnect", () => {
        resolve(socket.alpnProtocol);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  assert.equal(await negotiate(undefined), false);
  assert.equal(await negotiate(["http/1.1"]), "http/1.1");
  assert.equal(await negotiate(["h2", "http/1.1"]), "http/1.1");
  await assert.rejects(negotiate(["h2"]));
});

test("handshakes that hang disturb nobody", async (t) => {
  const { url } = await listen(t);
  const hanging = Array.from({ length: 50 }, () => net.connect(Number(new URL(url).port), "127.0.0.1"));
  t.after(() => {
    for (const socket of hanging) socket.destroy();
  });
  for (const socket of hanging) socket.write(Buffer.from([0x16, 3, 1]));
  assert.equal((await probe(t, url, member())).status, 200);
});

test("files that are missing or do not fit each other stop the start", (t) => {
  const { settings } = writeTls(t, server, ca);
  assert.throws(() => certificatesOf({ ...settings, certFile: "/nowhere" }), /--peer-cert-file/);
  assert.throws(() => certificatesOf({ ...settings, trustedCaFile: "/nowhere" }), /--peer-trusted-ca-file/);
  const other = writeTls(t, member(), ca).settings;
  assert.throws(() => certificatesOf({ ...settings, keyFile: other.keyFile }), /mismatch/);
});

const resolver: NameResolver = {
  namesOf: async (address) => (address === "10.0.0.7" ? ["m7.deep.example."] : []),
  addressesOf: async (name) => (name === "m8.example" ? ["10.0.0.8", "10.0.0.9"] : []),
};
const addressCases = [
  { names: [], from: "10.0.0.1", objection: undefined },
  { names: ["10.0.0.1"], from: "10.0.0.1", objection: undefined },
  { names: ["10.0.0.1"], from: "::ffff:10.0.0.1", objection: undefined },
  {
    names: ["10.0.0.1"],
    from: "10.0.0.2",
    objection: "x509: certificate is valid for 10.0.0.1, not 10.0.0.2",
  },
  {
    names: ["10.0.0.1", "::1"],
    from: "::ffff:10.0.0.2",
    objection: "x509: certificate is valid for 10.0.0.1, ::1, not 10.0.0.2",
  },
  { names: ["10.0.0.1", "m8.example"], from: "10.0.0.9", objection: undefined },
  {
    names: ["10.0.0.1", "m8.example"],
    from: "10.0.0.7",
    objection: 'tls: "10.0.0.7" does not match any of DNSNames ["m8.example"]',
  },
  {
    names: ["m8.example"],
    from: "10.0.0.7",
    objection: 'tls: "10.0.0.7" does not match any of DNSNames ["m8.example"]',
  },
  { names: ["m7.deep.example"], from: "10.0.0.7", objection: undefined },
  { names: ["*.example"], from: "10.0.0.7", objection: undefined },
  {
    names: ["*.other", "another"],
    from: "10.0.0.7",
    objection: 'tls: "10.0.0.7" does not match any of DNSNames ["*.other" "another"]',
  },
  {
    names: ["*.m8.example"],
    from: "10.0.0.8",
    objection: 'tls: "10.0.0.8" does not match any of DNSNames ["*.m8.example"]',
  },
];
for (const { names, from, objection } of addressCases) {
  test(`a certificate for [${names}] is ${objection === undefined ? "" : "not "}good from ${from}`, async () => {
    const leaf = new X509Certificate(member({ names }).certPem);
    assert.equal(await addressObjection(leaf, from, resolver), objection);
  });
}

test("connections to other members come from the address that is configured", async (t) => {
  const remotes: (string | undefined)[] = [];
  const listener = net.createServer((socket) => {
    remotes.push(socket.remoteAddress);
    socket.destroy();
  });
  await listenOnFreePort(listener);
  t.after(() => listener.close());
  const { port } = listener.address() as net.AddressInfo;
  for (const host of ["127.0.0.1", "localhost"]) {
    const socket = await new PeerDialer(systemCertificates, "127.0.0.9").dial(
      parsePeerUrl(`http://${host}:${port}`),
      5_000,
    );
    await once(socket, "close");
  }
  assert.deepEqual(remotes, ["127.0.0.9", "127.0.0.9"]);
});
