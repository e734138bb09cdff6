import assert from "node:assert/strict";
import type { Bucket } from "../bucket/bucket.ts";
import type { Transaction } from "../database/transaction.ts";
import type { WriteTransaction } from "../database/write-transaction.ts";
import { DatabaseError } from "../format/errors.ts";
import { ModelBucket, type Operation, type Outcome } from "./model.ts";

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Applies an operation to a database, as `applyToModel` does to a model. */
export function applyToDatabase(tx: WriteTransaction, operation: Operation): Outcome {
  let bucket: Bucket | undefined = tx.root;
  for (const name of operation.path) bucket = bucket?.bucket(bytesOf(name));
  if (bucket === undefined) return "BUCKET_NOT_FOUND";
  try {
    switch (operation.kind) {
      case "setSequence":
        bucket.sequence = operation.sequence;
        break;
      case "put":
        bucket.put(bytesOf(operation.key), operation.value);
        break;
      case "delete":
        bucket.delete(bytesOf(operation.key));
        break;
      case "createBucket":
        bucket.createBucket(bytesOf(operation.key));
        break;
      case "deleteBucket":
        bucket.deleteBucket(bytesOf(operation.key));
        break;
    }
    return "OK";
  } catch (error) {
    if (error instanceof DatabaseError) return error.code as Outcome;
    throw error;
  }
}

/** Asserts that a transaction sees just what the model has, in order, forwards and backwards. */
export function assertSees(tx: Transaction, model: ModelBucket, where: string): void {
  assertBucket(tx.root, model, where);
}

function assertBucket(bucket: Bucket, model: ModelBucket, where: string): void {
  assert.equal(bucket.sequence, model.sequence, `${where}: sequence`);
  const keys = [...model.elements.keys()].sort();
  const cursor = bucket.cursor();
  for (const key of keys) {
    assert.ok(cursor.next(), `${where}: no ${label(key)}`);
    assert.equal(textOf(cursor.key), key, `${where}: key`);
    const element = model.elements.get(key)!;
    if (element instanceof ModelBucket) {
      assert.ok(cursor.isBucket, `${where}: no bucket ${label(key)}`);
      assert.equal(cursor.value, undefined);
      assertBucket(bucket.bucket(bytesOf(key))!, element, `${where}/${label(key)}`);
    } else {
      assert.ok(!cursor.isBucket, `${where}: a bucket ${label(key)}`);
      assert.ok(Buffer.compare(cursor.value!, element) === 0, `${where}: value of ${label(key)}`);
    }
  }
  assert.ok(!cursor.next(), `${where}: more than ${keys.length} elements`);
  const backwards = bucket.cursor();
  for (const key of keys.reverse()) {
    assert.ok(backwards.previous(), `${where}: backwards, no ${label(key)}`);
    assert.equal(textOf(backwards.key), key, `${where}: backwards`);
  }
  assert.ok(!backwards.previous());
}

function label(key: string): string {
  return key.length > 40 ? `${JSON.stringify(key.slice(0, 40))} of ${key.length} bytes` : JSON.stringify(key);
}
