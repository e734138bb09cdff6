import { createHash, type Hash } from "node:crypto";
import type { Bucket } from "../bucket/bucket.ts";
import type { Transaction } from "../database/transaction.ts";

/** The digest of everything that a transaction sees, as the twin computes it. */
export function digestOf(tx: Transaction): string {
  const sink = new Sink();
  const cursor = tx.cursor();
  while (cursor.next()) addBucket(sink, cursor.key, tx.bucket(cursor.key)!);
  return sink.finish();
}

function addBucket(sink: Sink, name: Uint8Array, bucket: Bucket): void {
  sink.letter("B").list(name).u64(bucket.sequence);
  const cursor = bucket.cursor();
  while (cursor.next()) {
    const { key, value } = cursor;
    if (value === undefined) addBucket(sink, key, bucket.bucket(key)!);
    else sink.letter("V").list(key).list(value);
  }
  sink.letter("E");
}

/** Gathers small pieces for the hash. */
class Sink {
  readonly #hash: Hash = createHash("sha256");
  readonly #bytes = Buffer.alloc(1 << 16);
  #used = 0;

  letter(letter: string): this {
    this.#room(1);
    this.#bytes[this.#used++] = letter.charCodeAt(0);
    return this;
  }

  u64(value: bigint): this {
    this.#room(8);
    this.#used = this.#bytes.writeBigUInt64LE(value, this.#used);
    return this;
  }

  list(bytes: Uint8Array): this {
    this.#room(4);
    this.#used = this.#bytes.writeUInt32LE(bytes.length, this.#used);
    if (bytes.length > this.#bytes.length / 2) {
      this.#flush();
      this.#hash.update(bytes);
      return this;
    }
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
    return this;
  }

  finish(): string {
    this.#flush();
    return this.#hash.digest("hex");
  }

  #room(length: number): void {
    if (this.#used + length > this.#bytes.length) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#bytes.subarray(0, this.#used));
    this.#used = 0;
  }
}
