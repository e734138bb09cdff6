import { costOf, type Slices } from "@quorate/storage/slices";

/** So much is put together at once. */
const SMALL_BYTES = 2 ** 16;

/** One piece of memory of chunks of `bytes` bytes together, which may be too large to be copied in one turn. */
export async function joinChunks(chunks: readonly Buffer[], bytes: number, slices: Slices): Promise<Buffer> {
  if (bytes <= SMALL_BYTES) return Buffer.concat(chunks);
  const joined = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
    if (slices.spend(costOf(0, chunk.length))) await slices.next();
  }
  return joined;
}
