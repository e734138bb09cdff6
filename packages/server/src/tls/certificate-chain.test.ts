import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import test, { type TestContext } from "node:test";
import { leadsToAnchor, type Usage } from "./certificate-chain.ts";
import { type CertificateOptions, makeCertificate, type TestCertificate } from "./testing.ts";

const NOW_MS = Date.parse("2026-06-01T00:00:00Z");
const ca = makeCertificate({ commonName: "etcd", isCa: true });
const namesake = makeCertificate({ commonName: "etcd", isCa: true });
/** Named as its issuer, without a key identifier that tells them apart. */
const leaf = (options: Partial<CertificateOptions> = {}) =>
  makeCertificate({ commonName: "etcd", issuer: ca, ...options });
const own = leaf();
const issuer = (options: Partial<CertificateOptions>) =>
  makeCertificate({ commonName: "etcd", isCa: true, ...options });

interface ChainCase {
  readonly name: string;
  readonly leaf: TestCertificate;
  /** With the leaf, from its issuer up. */
  readonly presented?: readonly TestCertificate[];
  readonly anchors: readonly TestCertificate[];
  readonly usage?: Usage;
  readonly verified: boolean;
}

const narrow = issuer({ pathLength: 0 });
const notCa = makeCertificate({ commonName: "etcd" });
const onlyServers = issuer({ usage: ["serverAuth"] });
const expiredCa = issuer({ isExpired: true });
const constrained = issuer({ onlyForDomain: "example" });
const middle = issuer({ issuer: ca });
const middleOfNarrow = issuer({ issuer: narrow });
const cases: ChainCase[] = [
  { name: "a leaf that is named as the CA that signed it", leaf: own, anchors: [ca], verified: true },
  { name: "one where another CA bears the same name", leaf: own, anchors: [namesake, ca], verified: true },
  { name: "one of another CA of the same name", leaf: own, anchors: [namesake], verified: false },
  { name: "one that signed itself", leaf: notCa, anchors: [ca], verified: false },
  { name: "one that is trusted itself", leaf: own, anchors: [own], verified: true },
  { name: "one beside a trusted one", leaf: leaf(), anchors: [own], verified: false },
  {
    name: "one that a trusted leaf signed",
    leaf: leaf({ issuer: notCa }),
    anchors: [notCa],
    verified: false,
  },
  { name: "one where nothing is trusted", leaf: own, anchors: [], verified: false },
  {
    name: "one whose key is not for signatures",
    leaf: leaf({ keyUsage: "keyEncipherment" }),
    anchors: [ca],
    verified: true,
  },
  { name: "an expired one", leaf: leaf({ isExpired: true }), anchors: [ca], verified: false },
  { name: "an expired one that is trusted itself", leaf: expiredCa, anchors: [expiredCa], verified: false },
  { name: "one of an expired CA", leaf: leaf({ issuer: expiredCa }), anchors: [expiredCa], verified: false },
  { name: "a server's as a client's", leaf: leaf({ usage: ["serverAuth"] }), anchors: [ca], verified: false },
  {
    name: "a server's as a server's",
    leaf: leaf({ usage: ["serverAuth"] }),
    anchors: [ca],
    usage: "serverAuth",
    verified: true,
  },
  {
    name: "a client's of a CA for servers",
    leaf: leaf({ issuer: onlyServers }),
    anchors: [onlyServers],
    verified: false,
  },
  {
    name: "one with an extension that must be understood",
    leaf: leaf({ hasUnknownExtension: true }),
    anchors: [ca],
    verified: false,
  },
  {
    name: "one of a CA for some names only",
    leaf: leaf({ issuer: constrained }),
    anchors: [constrained],
    verified: false,
  },
  {
    name: "one directly below a CA of length 0",
    leaf: leaf({ issuer: narrow }),
    anchors: [narrow],
    verified: true,
  },
  {
    name: "one with the intermediate that signed it",
    leaf: leaf({ issuer: middle }),
    presented: [middle],
    anchors: [ca],
    verified: true,
  },
  {
    name: "one without the intermediate that signed it",
    leaf: leaf({ issuer: middle }),
    anchors: [ca],
    verified: false,
  },
  {
    name: "one two steps below a CA of length 0",
    leaf: leaf({ issuer: middleOfNarrow }),
    presented: [middleOfNarrow],
    anchors: [narrow],
    verified: false,
  },
];
for (const { name, leaf: certificate, presented = [], anchors, usage = "clientAuth", verified } of cases) {
  test(`${name} is ${verified ? "verified" : "refused"}`, (t) => {
    const first = presentedChain(t, [certificate, ...presented]);
    const trusted = anchors.map(({ certPem }) => new X509Certificate(certPem));
    assert.equal(leadsToAnchor(first, usage, trusted, NOW_MS), verified);
  });
}

for (const namedCurve of ["secp521r1", "brainpoolP512r1"]) {
  const isKnown = namedCurve === "secp521r1";
  test(`a CA with a key of curve ${namedCurve} ${isKnown ? "may" : "may not"} have signed one`, (t) => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve });
    const signer = issuer({ key: privateKey });
    const first = presentedChain(t, [leaf({ issuer: signer })]);
    const verifications = t.mock.method(X509Certificate.prototype, "verify");
    const trusted = [new X509Certificate(signer.certPem)];
    assert.equal(leadsToAnchor(first, "clientAuth", trusted, NOW_MS), isKnown);
    assert.equal(verifications.mock.callCount(), isKnown ? 1 : 0);
  });
}

test("certificates that sign each other end in a refusal soon", (t) => {
  // One key and one name: each could have signed each.
  const { key } = ca;
  const twins = Array.from({ length: 9 }, () => issuer({ issuer: ca, key }));
  const verifications = t.mock.method(X509Certificate.prototype, "verify");
  assert.equal(leadsToAnchor(presentedChain(t, twins), "clientAuth", [], NOW_MS), false);
  assert.equal(verifications.mock.callCount(), 32);
});

/** The first certificate as a connection shows it: it leads to the others. */
function presentedChain(t: TestContext, certificates: readonly TestCertificate[]): X509Certificate {
  const chain = certificates.map(({ certPem }) => new X509Certificate(certPem));
  for (const [i, certificate] of chain.entries()) {
    t.mock.getter(certificate, "issuerCertificate", () => chain[i + 1]);
  }
  return chain[0]!;
}
