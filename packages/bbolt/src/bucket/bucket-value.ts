import { BUCKET_HEADER_BYTES, PAGE_HEADER_BYTES, readNumber, writeNumber } from "../format/page.ts";
import { wrongInElements } from "../pages/page-check.ts";
import { PageView } from "../pages/page-view.ts";

/** What the value of a bucket's element says. */
export interface BucketValue {
  /** 0 when the bucket is inline. */
  readonly root: number;
  readonly sequence: bigint;
  /** The leaf of an inline bucket, where it lies. */
  readonly image: PageView | undefined;
}

/** The bucket in an element of a leaf, or what is wrong with it. Borrows the page. */
export function readBucketValue(page: PageView, index: number): BucketValue | string {
  const { bytes, view } = page;
  const at = page.keyStart(index) + page.keyLength(index);
  const length = page.valueLength(index);
  if (length < BUCKET_HEADER_BYTES) return `element ${index}: a bucket that is cut short`;
  const root = readNumber(view, at);
  const sequence = view.getBigUint64(at + 8, true);
  if (root !== 0) return { root, sequence, image: undefined };
  const imageLength = length - BUCKET_HEADER_BYTES;
  if (imageLength < PAGE_HEADER_BYTES) return `element ${index}: an inline bucket that is cut short`;
  const start = at + BUCKET_HEADER_BYTES;
  const wrong = wrongInElements(view, start, imageLength);
  if (wrong !== undefined) return `element ${index}: in the inline bucket: ${wrong}`;
  const image = new PageView();
  image.open(bytes, view, start, imageLength, 0);
  if (!image.isLeaf) return `element ${index}: an inline bucket that is no leaf`;
  for (let i = 0; i < image.count; i++) {
    if (image.elementFlags(i) !== 0) return `element ${index}: a bucket in an inline bucket`;
  }
  return { root, sequence, image };
}

/** The first 16 bytes of a bucket's value. */
export function writeBucketHeader(bytes: Uint8Array, root: number, sequence: bigint): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, BUCKET_HEADER_BYTES);
  writeNumber(view, 0, root);
  view.setBigUint64(8, sequence, true);
}
