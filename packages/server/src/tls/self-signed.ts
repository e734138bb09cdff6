import { KeyObject } from "node:crypto";
import { isIP } from "node:net";
// The X.509 library finds its parts through metadata of classes, which this module has to bring before.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** Both in PEM; the key in SEC 1. */
export interface SelfSignedPair {
  readonly cert: string;
  readonly key: string;
}

/** A P-521 key and a certificate like etcd's for it, from one time to another with a precision of seconds. */
export async function makeSelfSigned(
  hosts: readonly string[],
  notBefore: Date,
  notAfter: Date,
): Promise<SelfSignedPair> {
  const algorithm = { name: "ECDSA", namedCurve: "P-521" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const names = hosts.map((value) => ({
    type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const),
    value,
  }));
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys,
    name: "O=etcd",
    notBefore,
    notAfter,
    signingAlgorithm: { ...algorithm, hash: "SHA-512" },
    extensions: [
      new KeyUsagesExtension(
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment | KeyUsageFlags.cRLSign,
        true,
      ),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new BasicConstraintsExtension(true, undefined, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
    ],
  });
  return {
    cert: `${certificate.toString("pem")}\n`,
    key: KeyObject.from(keys.privateKey).export({ type: "sec1", format: "pem" }) as string,
  };
}
