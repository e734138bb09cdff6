import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import tls from "node:tls";
import { until } from "@quorate/testkit/wait";
import type { Logger } from "../log/logger.ts";
import { silentLogger } from "../log/logger.ts";
import { certificatesOf, makeCertificate, systemCertificates, writeTls } from "../tls/testing.ts";
import { PeerDialer } from "./dialer.ts";
import { startMember, testRequests } from "./testing.ts";

const root = makeCertificate({ commonName: "a root of the system", isCa: true });
const stranger = makeCertificate({ commonName: "another root", isCa: true });
const directory = mkdtempSync(path.join(tmpdir(), "roots-"));
after(() => rmSync(directory, { recursive: true }));
// The roots are read once in a process, so this has to come before any use of them.
writeFileSync(path.join(directory, "roots.pem"), root.certPem);
process.env.SSL_CERT_FILE = path.join(directory, "roots.pem");
mkdirSync(path.join(directory, "none"));
process.env.SSL_CERT_DIR = path.join(directory, "none");
const { length: rootCount } = tls.getCACertificates("system");
const skip = rootCount === 1 ? false : "the system's roots are not read from a file";

const of = (options: Parameters<typeof makeCertificate>[0]) =>
  makeCertificate({ names: ["127.0.0.1"], issuer: root, ...options });

const cases = [
  { name: "of a root of the system", own: of({ commonName: "member" }), refused: undefined },
  // OpenSSL takes it for self-signed, Go does not.
  { name: "named as its root", own: of({ commonName: "a root of the system" }), refused: undefined },
  {
    name: "of another root",
    own: of({ commonName: "member", issuer: stranger }),
    refused: /dial https:\/\/127\.0\.0\.1:\d+: failed to verify the certificate: [A-Z_]+$/,
  },
  {
    name: "of another host",
    own: of({ commonName: "member", names: ["10.1.2.3"] }),
    refused: /dial https:\/\/127\.0\.0\.1:\d+: the certificate is not for 127\.0\.0\.1 /,
  },
];
for (const { name, own, refused } of cases) {
  test(`without TLS flags a member that presents a certificate ${name} is ${refused === undefined ? "spoken to" : "refused, which is logged"}`, {
    skip,
  }, async (t) => {
    const { url } = await startMember(t, 0xan, {
      listenUrl: "https://127.0.0.1:0",
      certificates: certificatesOf(writeTls(t, own, root, { requireClientCertificate: false }).settings),
    });
    const requests = testRequests(new PeerDialer(systemCertificates));
    t.after(() => requests.close());
    const asking = requests.send(url, { method: "GET", path: "/raft/probing", timeoutMs: 5_000 });
    if (refused === undefined) {
      assert.equal((await asking).status, 200);
      return;
    }
    await assert.rejects(asking, { message: refused });
    const reasons: unknown[] = [];
    const log: Logger = Object.create(silentLogger);
    log.for = () => log;
    log.warn = (message, facts) => {
      if (message === "peer cannot be reached") reasons.push(facts?.error);
    };
    const dialling = await startMember(t, 0xbn, { log });
    dialling.transport.addPeer(0xan, [url]);
    await until(() => reasons.length > 0);
    assert.match(String(reasons[0]), refused);
  });
}
