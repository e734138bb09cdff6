import { textOf } from "./apply.ts";
import { ModelBucket } from "./model.ts";

/** More elements than a small file has: whoever reads more goes in circles. */
const MOST_ELEMENTS = 200_000;

/**
 * What a file says, read as simply as it can be: every page from its first element to its last, buckets in buckets down to
 * `deepest`, and nothing is checked. What `Database` reads of any file, damaged or not, is this or an error.
 */
export function readPlainly(
  bytes: Uint8Array,
  pageBytes: number,
  root: number,
  sequence: bigint,
  deepest: number,
): ModelBucket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let elements = 0;

  function bucketOf(at: number, length: number, depth: number): ModelBucket {
    const bucket = new ModelBucket();
    bucket.sequence = view.getBigUint64(at + 8, true);
    const page = Number(view.getBigUint64(at, true));
    if (depth > deepest) return bucket;
    if (page !== 0) addPage(bucket, page * pageBytes, depth);
    else if (length > 16) addPage(bucket, at + 16, depth);
    return bucket;
  }

  function addPage(bucket: ModelBucket, at: number, depth: number): void {
    const isLeaf = view.getUint16(at + 8, true) === 2;
    const count = view.getUint16(at + 10, true);
    for (let i = 0; i < count; i++) {
      if (++elements > MOST_ELEMENTS) throw new Error("more elements than the file can have");
      const element = at + 16 + i * 16;
      if (!isLeaf) {
        addPage(bucket, Number(view.getBigUint64(element + 8, true)) * pageBytes, depth);
        continue;
      }
      const keyStart = element + view.getUint32(element + 4, true);
      const valueStart = keyStart + view.getUint32(element + 8, true);
      const valueLength = view.getUint32(element + 12, true);
      const key = textOf(bytes.subarray(keyStart, valueStart));
      if (bucket.elements.has(key)) throw new Error(`the key ${key} is there twice`);
      const isBucket = view.getUint32(element, true) === 1;
      bucket.elements.set(
        key,
        isBucket
          ? bucketOf(valueStart, valueLength, depth + 1)
          : bytes.slice(valueStart, valueStart + valueLength),
      );
    }
  }

  const read = new ModelBucket();
  read.sequence = sequence;
  addPage(read, root * pageBytes, 0);
  return read;
}
