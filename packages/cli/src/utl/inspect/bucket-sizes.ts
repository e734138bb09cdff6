import type { Bucket, ReadTransaction } from "@quorate/bbolt";

export interface BucketSize {
  /** Of a bucket within another, behind that one's and a slash. A character a byte. */
  readonly name: string;
  readonly entries: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

/** What each bucket of a database holds, buckets within buckets included. Throws DatabaseFileError. */
export function bucketSizes(tx: ReadTransaction): BucketSize[] {
  const sizes: BucketSize[] = [];
  for (const cursor = tx.cursor(); cursor.next(); ) {
    const name = cursor.key.slice();
    const bucket = tx.bucket(name);
    if (bucket !== undefined) addSizes(bucket, Buffer.from(name).toString("latin1"), sizes);
  }
  return sizes;
}

function addSizes(bucket: Bucket, name: string, sizes: BucketSize[]): void {
  const within: Uint8Array[] = [];
  const size = { name, entries: 0, keyBytes: 0, valueBytes: 0 };
  sizes.push(size);
  for (const cursor = bucket.cursor(); cursor.next(); ) {
    const { key, value } = cursor;
    if (value === undefined) within.push(key.slice());
    else {
      size.entries++;
      size.keyBytes += key.length;
      size.valueBytes += value.length;
    }
  }
  for (const key of within) {
    const inner = bucket.bucket(key);
    if (inner !== undefined) addSizes(inner, `${name}/${Buffer.from(key).toString("latin1")}`, sizes);
  }
}
