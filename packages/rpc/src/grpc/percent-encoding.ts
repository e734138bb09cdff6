import { Buffer } from "node:buffer";

const HEX = "0123456789ABCDEF";

/** Encodes a status message for the `grpc-message` header: UTF-8, all but printable ASCII as `%XX`, `%` too. */
export function percentEncode(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = "";
  for (const octet of Buffer.from(text, "utf8")) {
    encoded +=
      octet >= 0x20 && octet <= 0x7e && octet !== 0x25
        ? String.fromCharCode(octet)
        : `%${HEX[octet >> 4]}${HEX[octet & 15]}`;
  }
  return encoded;
}

/** The inverse; what is not a valid escape stays as it is, and invalid UTF-8 becomes U+FFFD: never an error. */
export function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  const octets: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const digits = text.charCodeAt(i) === 0x25 ? /^[0-9a-fA-F]{2}/.exec(text.slice(i + 1, i + 3)) : null;
    if (digits === null) {
      octets.push(text.charCodeAt(i) & 0xff);
    } else {
      octets.push(Number.parseInt(digits[0], 16));
      i += 2;
    }
  }
  return Buffer.from(octets).toString("utf8");
}
