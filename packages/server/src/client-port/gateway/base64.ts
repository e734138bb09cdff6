const STANDARD = /^[A-Za-z0-9+/]*(={0,2})$/;
const URL_SAFE = /^[A-Za-z0-9_-]*(={0,2})$/;

/**
 * Bytes from base64 as protobuf's JSON has it: URL-safe if there is a `-` or `_` in it, else standard; padded exactly
 * when the length is a multiple of four. Line ends do not count as characters. Undefined if it is not base64.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const isPadded = text.length % 4 === 0;
  const compact = text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, "") : text;
  const match = (/[-_]/.test(text) ? URL_SAFE : STANDARD).exec(compact);
  if (match === null) return undefined;
  const padding = match[1]!.length;
  if (isPadded ? compact.length % 4 !== 0 : padding > 0 || compact.length % 4 === 1) return undefined;
  return Buffer.from(compact, "base64");
}
