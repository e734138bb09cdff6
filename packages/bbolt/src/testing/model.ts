/** What a database holds, in the simplest form: names and keys are Latin-1 text of their bytes. */
export class ModelBucket {
  sequence = 0n;
  readonly elements = new Map<string, Uint8Array | ModelBucket>();

  bucketAt(path: readonly string[]): ModelBucket | undefined {
    let bucket: ModelBucket = this;
    for (const name of path) {
      const next = bucket.elements.get(name);
      if (!(next instanceof ModelBucket)) return undefined;
      bucket = next;
    }
    return bucket;
  }

  copy(): ModelBucket {
    const copy = new ModelBucket();
    copy.sequence = this.sequence;
    for (const [key, element] of this.elements) {
      copy.elements.set(key, element instanceof ModelBucket ? element.copy() : element);
    }
    return copy;
  }
}

/** One step of a transaction. `path` leads from the root to the bucket that it is about. */
export type Operation =
  | {
      readonly kind: "put";
      readonly path: readonly string[];
      readonly key: string;
      readonly value: Uint8Array;
    }
  | {
      readonly kind: "delete" | "createBucket" | "deleteBucket";
      readonly path: readonly string[];
      readonly key: string;
    }
  | { readonly kind: "setSequence"; readonly path: readonly string[]; readonly sequence: bigint };

export type Outcome = "OK" | "BUCKET_EXISTS" | "BUCKET_NOT_FOUND" | "INCOMPATIBLE_VALUE";

/** Applies an operation; tells how it ends. */
export function applyToModel(root: ModelBucket, operation: Operation): Outcome {
  const bucket = root.bucketAt(operation.path);
  if (bucket === undefined) return "BUCKET_NOT_FOUND";
  if (operation.kind === "setSequence") {
    bucket.sequence = operation.sequence;
    return "OK";
  }
  const { kind, key } = operation;
  const element = bucket.elements.get(key);
  const isBucket = element instanceof ModelBucket;
  if (kind === "put" || kind === "delete") {
    if (isBucket) return "INCOMPATIBLE_VALUE";
    if (kind === "put") bucket.elements.set(key, operation.value);
    else bucket.elements.delete(key);
    return "OK";
  }
  if (element !== undefined && !isBucket) return "INCOMPATIBLE_VALUE";
  if (kind === "createBucket") {
    if (isBucket) return "BUCKET_EXISTS";
    bucket.elements.set(key, new ModelBucket());
    return "OK";
  }
  return bucket.elements.delete(key) ? "OK" : "BUCKET_NOT_FOUND";
}
