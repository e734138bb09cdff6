import { BucketScan } from "./bucket-scan.ts";
import type { ByteSource } from "./byte-source.ts";
import { DatabaseFileError } from "./errors.ts";
import {
  BUCKET_HEADER_BYTES,
  ELEMENT_BUCKET,
  META_BYTES,
  type Meta,
  metaOffsets,
  readMeta,
  readNumber,
} from "./format.ts";
import { PageReader } from "./page-reader.ts";

/** A named bucket: entries without further buckets among them. */
export interface Bucket {
  readonly name: string;
  /** The entries, once. */
  readonly scan: BucketScan;
}

/**
 * A bbolt file to read, of any page size, with or without a stored list of free pages (which is ignored). Bytes behind
 * its last page are ignored too: a snapshot file has its sum there.
 */
export class DatabaseFile {
  readonly meta: Meta;
  readonly #source: ByteSource;

  /** Throws `DatabaseFileError` when neither meta page is sound. */
  constructor(source: ByteSource) {
    this.#source = source;
    this.meta = readNewestMeta(source);
    const { highWater, pageBytes, root } = this.meta;
    if (!(highWater >= 2 && highWater * pageBytes <= source.sizeBytes)) {
      const has = `${source.sizeBytes} bytes instead of ${highWater} pages of ${pageBytes}`;
      throw new DatabaseFileError(source.path, 0, `the file has ${has}`);
    }
    if (!(root >= 2 && root < highWater)) {
      throw new DatabaseFileError(source.path, 0, `refers to page ${root} of ${highWater}`);
    }
  }

  /** Length without what lies behind the last page. */
  get sizeBytes(): number {
    return this.meta.highWater * this.meta.pageBytes;
  }

  /**
   * Goes over the file once: all buckets in ascending order of their names. A scan is good until the next bucket is
   * asked for. Throws `DatabaseFileError` at the first thing that is wrong.
   */
  *buckets(reader: PageReader = this.newReader()): Generator<Bucket, void, undefined> {
    const root = new BucketScan(reader, { root: this.meta.root, parent: 0 }, ELEMENT_BUCKET);
    for (;;) {
      let name = "";
      let value: Uint8Array = new Uint8Array(0);
      const count = root.visit(1, (bytes, _view, keyStart, valueStart, end) => {
        name = Buffer.from(bytes.buffer, bytes.byteOffset + keyStart, valueStart - keyStart).toString();
        value = bytes.slice(valueStart, end);
      });
      if (count === 0) return;
      const parent = root.page;
      if (value.length < BUCKET_HEADER_BYTES)
        reader.invalid(parent, `bucket ${JSON.stringify(name)} is cut short`);
      const page = readNumber(new DataView(value.buffer), 0);
      yield {
        name,
        scan: new BucketScan(reader, page === 0 ? { image: value, parent } : { root: page, parent }),
      };
    }
  }

  newReader(): PageReader {
    return new PageReader(this.#source, this.meta);
  }
}

function readNewestMeta(source: ByteSource): Meta {
  const metaAt = (offset: number): Meta | string => {
    const bytes = new Uint8Array(META_BYTES);
    const length = source.read(bytes, offset);
    return readMeta(new DataView(bytes.buffer, 0, length));
  };
  const first = metaAt(0);
  if (typeof first !== "string") {
    const second = metaAt(first.pageBytes);
    const newer =
      typeof second !== "string" && second.pageBytes === first.pageBytes && second.txId > first.txId;
    return newer ? second : first;
  }
  for (const offset of metaOffsets()) {
    const second = metaAt(offset);
    if (typeof second !== "string" && second.pageBytes === offset) return second;
  }
  throw new DatabaseFileError(source.path, 0, first);
}
