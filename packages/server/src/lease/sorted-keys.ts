import { costOf, type Steps } from "@quorate/storage/slices";
import { compareBytes } from "../keys/bytes.ts";
import { type Comparison, sortInSteps } from "../sort-in-steps.ts";

/** Keys looked at between two yields. */
const STEP = 1024;

/** The keys, all different, in the order of their unsigned bytes; the database's hash depends on it. */
export function* sortedSteps(keys: readonly Uint8Array[]): Steps<Uint8Array[]> {
  const order = new Int32Array(keys.length);
  let longest = 0;
  for (let i = 0; i < keys.length; i++) {
    order[i] = i;
    longest = Math.max(longest, keys[i]!.length);
    if (i % STEP === STEP - 1) yield costOf(STEP / 4, 0);
  }
  yield* sortInSteps(order, new KeyComparison(keys, longest));
  const sorted: Uint8Array[] = [];
  for (let i = 0; i < order.length; i++) {
    sorted.push(keys[order[i]!]!);
    if (i % STEP === STEP - 1) yield costOf(STEP / 4, 0);
  }
  return sorted;
}

class KeyComparison implements Comparison {
  readonly mostCost: number;
  cost = 0;
  readonly #keys: readonly Uint8Array[];

  constructor(keys: readonly Uint8Array[], longest: number) {
    this.#keys = keys;
    this.mostCost = 16 + longest;
  }

  compare(a: number, b: number): number {
    this.cost += this.mostCost;
    return compareBytes(this.#keys[a]!, this.#keys[b]!);
  }
}
