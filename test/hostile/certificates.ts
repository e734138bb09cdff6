/** Certificates that cost whoever looks at them more than they should. Nobody trusts them. */
import { generateKeyPairSync } from "node:crypto";
import tls from "node:tls";
import { makeCertificate, type TestCertificate } from "../../packages/server/src/tls/testing.ts";
import { IDENTITY } from "./member.ts";

/** Ready to connect with: to read a long chain takes its owner a while, too. */
export interface Identity {
  readonly tls12: tls.ConnectionOptions;
  readonly tls13: tls.ConnectionOptions;
}

/** A client's, with so many issuers that it is shown with, each of which signed the one below; all have one key. */
export function chainOf(issuers: number): Identity {
  const key = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
  let issuer = makeCertificate({ commonName: "issuer", isCa: true, key });
  const chain = [issuer];
  while (chain.length < issuers) {
    issuer = makeCertificate({ commonName: `issuer ${chain.length}`, isCa: true, issuer, key });
    chain.unshift(issuer);
  }
  return identityOf([makeCertificate({ commonName: "client", issuer }), ...chain]);
}

/** As large as the runtime lets a chain be. */
export const LARGE_CERTIFICATE = identityOf([
  makeCertificate({
    commonName: "client",
    names: Array.from({ length: 3_000 }, (_, i) => `name-${i}.example`),
  }),
]);

function identityOf(chain: readonly TestCertificate[]): Identity {
  const cert = chain.map(({ certPem }) => certPem).join("");
  const ofVersion = (version: tls.SecureVersion) => ({
    secureContext: tls.createSecureContext({
      ...{ cert, key: chain[0]!.keyPem, ca: IDENTITY.ca },
      ...{ minVersion: version, maxVersion: version },
    }),
  });
  return { tls12: ofVersion("TLSv1.2"), tls13: ofVersion("TLSv1.3") };
}
