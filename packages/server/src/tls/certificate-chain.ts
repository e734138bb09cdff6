import type { KeyObject, X509Certificate } from "node:crypto";
import { DerReader, DerTag } from "./der.ts";

/** What a certificate is presented as. */
export type Usage = "clientAuth" | "serverAuth";

const USAGE_OIDS: Readonly<Record<Usage, string>> = {
  clientAuth: "1.3.6.1.5.5.7.3.2",
  serverAuth: "1.3.6.1.5.5.7.3.1",
};
const ANY_USAGE_OID = "2.5.29.37.0";
/** Certificates of a chain, and the most issuers that OpenSSL looks for between a leaf and a trusted one. */
export const MAX_DEPTH = 8;
/**
 * Go has 100, on another thread: without a limit, a few certificates that sign each other keep a member busy, and a
 * signature may take a millisecond and more.
 */
const MAX_SIGNATURE_CHECKS = 32;
/** Those that Go knows. To check a signature with others may take several times as long. */
const CURVES = new Set(["secp224r1", "prime256v1", "secp384r1", "secp521r1"]);
/** As in Go. */
const MAX_RSA_BITS = 8_192;

/**
 * OpenSSL's errors where Go may think otherwise. OpenSSL takes a certificate for self-signed when subject and issuer bear
 * the same name and no key identifier says otherwise, tries one issuer where several bear the same name, and wants a
 * client's key to be one for signatures.
 */
export const DOUBTFUL_OBJECTIONS: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_PURPOSE",
]);

/**
 * Whether `leaf` is to be trusted, as Go's crypto/x509 decides it: looks for a chain of valid signatures through what was
 * presented with it (`issuerCertificate`) to one of `anchors`; `leaf` may be one itself. Stricter than Go where that is
 * simpler: no certificate of the chain may have a critical extension other than usages, names and basic constraints, and
 * no issuer may constrain names.
 */
export function leadsToAnchor(
  leaf: X509Certificate,
  usage: Usage,
  anchors: readonly X509Certificate[],
  nowMs: number,
): boolean {
  const isAnchor = (certificate: X509Certificate) =>
    anchors.some((anchor) => anchor.fingerprint256 === certificate.fingerprint256);
  const candidates = [...anchors, ...presentedWith(leaf)];
  let signatureChecks = 0;
  const extend = (chain: readonly X509Certificate[]): boolean => {
    const last = chain.at(-1)!;
    if (isAnchor(last)) return true;
    if (chain.length >= MAX_DEPTH) return false;
    return candidates.some(
      (issuer) =>
        !chain.some((each) => each.fingerprint256 === issuer.fingerprint256) &&
        last.checkIssued(issuer) &&
        mayIssue(issuer, chain.length - 1) &&
        mayBeUsed(issuer, usage, nowMs) &&
        ++signatureChecks <= MAX_SIGNATURE_CHECKS &&
        last.verify(issuer.publicKey) &&
        extend([...chain, issuer]),
    );
  };
  try {
    return mayBeUsed(leaf, usage, nowMs) && extend([leaf]);
  } catch {
    return false; // a certificate that cannot be read
  }
}

function presentedWith(leaf: X509Certificate): X509Certificate[] {
  const presented: X509Certificate[] = [];
  let next = leaf.issuerCertificate;
  while (next !== undefined && presented.length < MAX_DEPTH) {
    presented.push(next);
    next = next.issuerCertificate;
  }
  return presented;
}

function mayBeUsed(certificate: X509Certificate, usage: Usage, nowMs: number): boolean {
  const { keyUsage: extendedUsages, validFromDate, validToDate } = certificate;
  if (nowMs < validFromDate.getTime() || nowMs > validToDate.getTime()) return false;
  const isForUsage = (oid: string) => oid === USAGE_OIDS[usage] || oid === ANY_USAGE_OID;
  if (extendedUsages !== undefined && extendedUsages.length > 0 && !extendedUsages.some(isForUsage))
    return false;
  return extensionsOf(certificate).every(({ oid, critical }) => !critical || CRITICAL_OIDS.has(oid));
}

/** `below`: how many issuers are between it and the leaf. That its key may sign certificates, `checkIssued` has seen. */
function mayIssue(certificate: X509Certificate, below: number): boolean {
  if (!certificate.ca || !isUsualKey(certificate.publicKey)) return false;
  for (const { oid, value } of extensionsOf(certificate)) {
    if (oid === Oid.nameConstraints) return false;
    if (oid === Oid.basicConstraints && below > pathLengthOf(value)) return false;
  }
  return true;
}

function isUsualKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === "ed25519") return true;
  if (asymmetricKeyType === "ec") return CURVES.has(asymmetricKeyDetails?.namedCurve ?? "");
  return asymmetricKeyType === "rsa" && (asymmetricKeyDetails?.modulusLength ?? 0) <= MAX_RSA_BITS;
}

/** Of extensions, as hex of their DER. */
const Oid = {
  keyUsage: "551d0f",
  alternativeName: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  extendedKeyUsage: "551d25",
} as const;
const CRITICAL_OIDS = new Set<string>([
  Oid.keyUsage,
  Oid.alternativeName,
  Oid.basicConstraints,
  Oid.extendedKeyUsage,
]);

interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

const CERTIFICATE = "certificate";
const EXTENSIONS_TAG = 0xa3;

/** Throws when the certificate is malformed. */
function extensionsOf({ raw }: X509Certificate): Extension[] {
  const content = new DerReader(raw, CERTIFICATE).enter(DerTag.sequence).enter(DerTag.sequence);
  while (!content.isAtEnd && content.nextTag !== EXTENSIONS_TAG) content.read(content.nextTag!);
  if (content.isAtEnd) return [];
  const list = content.enter(EXTENSIONS_TAG).enter(DerTag.sequence);
  const extensions: Extension[] = [];
  while (!list.isAtEnd) {
    const extension = list.enter(DerTag.sequence);
    const oid = extension.read(DerTag.objectIdentifier).toString("hex");
    const critical = extension.skipIf(DerTag.boolean);
    extensions.push({ oid, critical, value: extension.read(DerTag.octetString) });
  }
  return extensions;
}

function pathLengthOf(basicConstraints: Buffer): number {
  const constraints = new DerReader(basicConstraints, CERTIFICATE).enter(DerTag.sequence);
  constraints.skipIf(DerTag.boolean);
  if (constraints.isAtEnd) return Number.POSITIVE_INFINITY;
  return Number.parseInt(constraints.read(DerTag.integer).toString("hex"), 16);
}
