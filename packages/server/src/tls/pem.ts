import { X509Certificate } from "node:crypto";

/** The certificates of PEM text, in order; other blocks are passed over. Throws when one of them cannot be read. */
export function certificatesIn(text: string | Buffer): X509Certificate[] {
  const blocks = text.toString().match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
