import { ModelBucket, type Operation } from "./model.ts";

/** What the operations are drawn from. */
export interface Draws {
  below(limit: number): number;
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
}

export interface OperationShape {
  /** Of values, seldom reached. */
  readonly longestValue: number;
  /** Of keys, seldom reached. */
  readonly longestKey: number;
  /** From how many the short keys are drawn. */
  readonly keys: number;
  /** Buckets in buckets. */
  readonly deepest: number;
}

const BUCKETS = Array.from({ length: 6 }, (_, i) => `bucket ${i}`);

/** An operation that mostly makes sense for what the model has. */
export function drawOperation(draws: Draws, root: ModelBucket, shape: OperationShape): Operation {
  const path: string[] = [];
  let bucket = root;
  for (;;) {
    const { elements } = bucket;
    const below = BUCKETS.filter((name) => elements.get(name) instanceof ModelBucket);
    if (below.length === 0 || (path.length > 0 && draws.chance(0.7))) break;
    const name = draws.pick(below);
    path.push(name);
    bucket = elements.get(name) as ModelBucket;
  }
  if (draws.chance(0.01))
    return { kind: "put", path: [...path, "no such bucket"], key: "k", value: bytes(draws, 3) };
  const mayDeepen = path.length < shape.deepest;
  if (path.length === 0 || (mayDeepen && draws.chance(0.03))) {
    const kind = draws.chance(0.8) ? "createBucket" : "deleteBucket";
    return { kind, path, key: draws.pick(BUCKETS) };
  }
  if (draws.chance(0.02)) return { kind: "deleteBucket", path, key: draws.pick(BUCKETS) };
  if (draws.chance(0.03)) return { kind: "setSequence", path, sequence: BigInt(draws.below(2 ** 40)) };
  if (draws.chance(0.02)) return { kind: "put", path, key: draws.pick(BUCKETS), value: bytes(draws, 9) };
  const key = drawKey(draws, bucket, shape);
  if (draws.chance(0.35)) return { kind: "delete", path, key };
  return { kind: "put", path, key, value: bytes(draws, drawLength(draws, shape.longestValue)) };
}

/** Deletions of keys that follow each other, as a compaction makes them, with a gap now and then. */
export function drawDeletions(draws: Draws, root: ModelBucket, shape: OperationShape): Operation[] {
  const { path } = drawOperation(draws, root, shape);
  const bucket = root.bucketAt(path);
  if (bucket === undefined) return [];
  const isValue = (key: string) => !(bucket.elements.get(key) instanceof ModelBucket);
  const keys = [...bucket.elements.keys()].filter(isValue).sort();
  const from = draws.below(keys.length + 1);
  const gaps = draws.pick([0, 0, 0.2]);
  return keys
    .slice(from, from + draws.pick([2, 30, 1000]))
    .filter(() => !draws.chance(gaps))
    .map((key) => ({ kind: "delete", path, key }));
}

function drawKey(draws: Draws, bucket: ModelBucket, shape: OperationShape): string {
  // Behind all others, as most keys of a log are.
  if (draws.chance(0.4)) return `s${String(bucket.elements.size).padStart(9, "0")}${draws.below(3)}`;
  if (draws.chance(0.02)) {
    return `l${String(draws.below(20))}`.padEnd(1 + drawLength(draws, shape.longestKey - 1), "long");
  }
  return `k${draws.below(shape.keys)}`;
}

/** Mostly short; each tenfold length a few times less often. */
function drawLength(draws: Draws, longest: number): number {
  let limit = 40;
  while (limit < longest && draws.chance(0.25)) limit *= 10;
  return draws.below(Math.min(limit, longest) + 1);
}

/** Each another pattern, so that bytes at a wrong place are wrong bytes. */
function bytes(draws: Draws, length: number): Uint8Array {
  const value = new Uint8Array(length);
  const [first, step] = [draws.below(256), draws.below(256)];
  const period = Math.min(length, 251);
  for (let i = 0; i < period; i++) value[i] = first + i * step;
  for (let at = period; at < length; at *= 2) value.copyWithin(at, 0, at);
  return value;
}
