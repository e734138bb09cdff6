import type { PeerCertificate } from "node:tls";
import { DerReader, DerTag, malformed } from "./der.ts";

const LIST = "certificate revocation list";

/**
 * Serial numbers (lower-case hex without leading zeros) on a DER certificate revocation list. Its issuer, signature and
 * dates are not looked at. Throws when it is no such list.
 */
export function revokedSerials(der: Uint8Array): Set<string> {
  const list = new DerReader(der, LIST).enter(DerTag.sequence).enter(DerTag.sequence);
  list.skipIf(DerTag.integer); // version
  list.enter(DerTag.sequence); // signature algorithm
  list.enter(DerTag.sequence); // issuer
  if (!list.skipTime()) throw malformed(LIST);
  list.skipTime(); // next update
  const serials = new Set<string>();
  if (list.nextTag !== DerTag.sequence) return serials;
  const revoked = list.enter(DerTag.sequence);
  while (!revoked.isAtEnd)
    serials.add(normalizeSerial(revoked.enter(DerTag.sequence).read(DerTag.integer).toString("hex")));
  return serials;
}

/** Serial numbers of a leaf and of the certificates above it, in the same form. */
export function serialsOf(leaf: PeerCertificate): string[] {
  const serials: string[] = [];
  const seen = new Set<object>();
  let certificate: (PeerCertificate & { issuerCertificate?: PeerCertificate }) | undefined = leaf;
  while (certificate?.serialNumber !== undefined && !seen.has(certificate)) {
    seen.add(certificate);
    serials.push(normalizeSerial(certificate.serialNumber));
    certificate = certificate.issuerCertificate;
  }
  return serials;
}

function normalizeSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, "");
}
