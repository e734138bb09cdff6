import { costOf, type Steps } from "@quorate/storage/slices";
import { decodeKeyValue } from "@quorate/wire/hot";
import { type Comparison, sortInSteps } from "../sort-in-steps.ts";
import { Column } from "./column.ts";
import { KeptHeads } from "./kept-heads.ts";
import { createOf, type Hits, recordOf, SortOrder, SortTarget, Tally, versionOf } from "./range-hits.ts";
import type { StoreState } from "./store-state.ts";

/** Of a comparison of two numbers, or of what is kept of two values. */
const COMPARE_COST = 16;
/** What is kept of each value: those that are as long and equal so far are read again. */
const KEPT_BYTES = 256;

/** The order of hits as places in them. Equal ones stay in key order. Memory is bounded by their number. */
export function* sortSteps(state: StoreState, hits: Hits, order: number, target: number): Steps<Int32Array> {
  const { length } = hits;
  const permutation = new Int32Array(length);
  const isReversed = target === SortTarget.KEY;
  for (let i = 0; i < length; i++) permutation[i] = isReversed ? length - 1 - i : i;
  yield costOf(0, permutation.byteLength);
  if (isReversed) return permutation;
  const sign = order === SortOrder.DESCEND ? -1 : 1;
  const comparison =
    target === SortTarget.VALUE
      ? yield* valuesOf(state, hits, sign)
      : new NumberComparison(yield* numbersOf(state, hits, target), sign);
  yield* sortInSteps(permutation, comparison);
  return permutation;
}

function* numbersOf(state: StoreState, hits: Hits, target: number): Steps<Column> {
  const tally = new Tally(state);
  const numbers = new Column();
  for (let i = 0; i < hits.length; i++) {
    const main = hits.main(i);
    if (target === SortTarget.MOD) numbers.push(main);
    else if (target === SortTarget.CREATE) numbers.push(createOf(state, hits.id(i), main, hits.sub(i)));
    else numbers.push(versionOf(state, hits.id(i), main, hits.sub(i)));
    if (tally.item()) yield* tally.report();
  }
  return numbers;
}

class NumberComparison implements Comparison {
  readonly mostCost = COMPARE_COST;
  cost = 0;
  readonly #numbers: Column;
  readonly #sign: number;

  constructor(numbers: Column, sign: number) {
    this.#numbers = numbers;
    this.#sign = sign;
  }

  compare(a: number, b: number): number {
    this.cost += COMPARE_COST;
    return this.#sign * (this.#numbers.at(a) - this.#numbers.at(b)) || a - b;
  }
}

function* valuesOf(state: StoreState, hits: Hits, sign: number): Steps<ValueComparison> {
  const tally = new Tally(state);
  const heads = new KeptHeads(KEPT_BYTES);
  let longest = 0;
  for (let i = 0; i < hits.length; i++) {
    const { value } = decodeKeyValue(recordOf(state, hits.main(i), hits.sub(i)));
    longest = Math.max(longest, value.length);
    heads.push(value);
    if (tally.item()) yield* tally.report();
  }
  return new ValueComparison(state, hits, heads, longest, sign);
}

class ValueComparison implements Comparison {
  readonly mostCost: number;
  cost = 0;
  readonly #state: StoreState;
  readonly #hits: Hits;
  readonly #heads: KeptHeads;
  readonly #sign: number;

  constructor(state: StoreState, hits: Hits, heads: KeptHeads, longest: number, sign: number) {
    this.#state = state;
    this.#hits = hits;
    this.#heads = heads;
    this.#sign = sign;
    this.mostCost = COMPARE_COST + (longest <= KEPT_BYTES ? longest : 3 * longest);
  }

  compare(a: number, b: number): number {
    this.cost += COMPARE_COST;
    const difference = this.#heads.compare(a, b);
    if (difference !== 0) return this.#sign * difference;
    return this.#sign * this.#compareTails(a, b) || a - b;
  }

  /** Of values that are equal as far as they are kept. */
  #compareTails(a: number, b: number): number {
    const lengthA = this.#heads.lengthOf(a);
    const lengthB = this.#heads.lengthOf(b);
    const shorter = Math.min(lengthA, lengthB);
    if (shorter <= KEPT_BYTES) return lengthA - lengthB;
    this.cost += lengthA + lengthB + shorter;
    return Buffer.compare(this.#read(a).slice(), this.#read(b));
  }

  /** Borrowed. */
  #read(hit: number): Uint8Array {
    return decodeKeyValue(recordOf(this.#state, this.#hits.main(hit), this.#hits.sub(hit))).value;
  }
}
