import { META_BYTES } from "./meta.ts";

/*
 * Behind a meta, in its sector: u32 magic | u32 digest of the checksums that belong to its transaction. bbolt reads no further
 * than its own meta, and has zeros there whenever it writes one: so who finds a mark knows who has written the transaction.
 */
const MAGIC = 0x5142_4d31;
export const MARK_AT = META_BYTES;
export const MARK_BYTES = 8;
/** What who has no checksums writes there. */
export const NO_MARK = new Uint8Array(MARK_BYTES);

export function encodeMark(digest: number): Uint8Array {
  const bytes = new Uint8Array(MARK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, digest, true);
  return bytes;
}

/** The digest; undefined when there is no mark. */
export function decodeMark(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < MARK_BYTES || view.getUint32(0, true) !== MAGIC) return undefined;
  return view.getUint32(4, true);
}
