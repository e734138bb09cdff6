import type { PeerCertificate } from "node:tls";

const INTEGER = 0x02;
const SEQUENCE = 0x30;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

/**
 * Serial numbers (lower-case hex without leading zeros) on a DER certificate revocation list. Its issuer, signature and
 * dates are not looked at. Throws when it is no such list.
 */
export function revokedSerials(der: Uint8Array): Set<string> {
  const list = new DerReader(der).enter(SEQUENCE).enter(SEQUENCE);
  list.skipIf(INTEGER); // version
  list.enter(SEQUENCE); // signature algorithm
  list.enter(SEQUENCE); // issuer
  if (!list.skipTime()) throw malformed();
  list.skipTime(); // next update
  const serials = new Set<string>();
  if (list.nextTag !== SEQUENCE) return serials;
  const revoked = list.enter(SEQUENCE);
  while (!revoked.isAtEnd)
    serials.add(normalizeSerial(revoked.enter(SEQUENCE).read(INTEGER).toString("hex")));
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

function malformed(): Error {
  return new Error("malformed certificate revocation list");
}

/** Walks over the elements of one DER value. */
class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  enter(tag: number): DerReader {
    return new DerReader(this.read(tag));
  }

  /** The content of the next element, which has this tag. */
  read(tag: number): Buffer {
    if (this.nextTag !== tag) throw malformed();
    const first = this.#bytes[this.#at + 1];
    if (first === undefined) throw malformed();
    let start = this.#at + 2;
    let length = first;
    if (first >= 0x80) {
      const lengthBytes = first & 0x7f;
      if (lengthBytes === 0 || lengthBytes > 4 || start + lengthBytes > this.#bytes.length) throw malformed();
      length = this.#bytes.readUIntBE(start, lengthBytes);
      start += lengthBytes;
    }
    const end = start + length;
    if (end > this.#bytes.length) throw malformed();
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }

  skipIf(tag: number): boolean {
    if (this.nextTag !== tag) return false;
    this.read(tag);
    return true;
  }

  skipTime(): boolean {
    return this.skipIf(UTC_TIME) || this.skipIf(GENERALIZED_TIME);
  }
}
