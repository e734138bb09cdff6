import { type Compare, decodeKeyValue, keyValueLease } from "@quorate/wire/hot";
import { compareBytes, NO_BYTES } from "../bytes.ts";
import { isFromKey } from "../key-range.ts";
import { recordOf } from "../range-hits.ts";
import type { StoreState } from "../store-state.ts";

/** `Compare.CompareResult` and `Compare.CompareTarget`. */
const EQUAL = 0;
const GREATER = 1;
const LESS = 2;
const NOT_EQUAL = 3;
const VERSION = 0;
const CREATE = 1;
const MOD = 2;
const VALUE = 3;
const LEASE = 4;
/** The operand that a target goes with, as field number. */
const FIRST_OPERAND = 4;

/**
 * Whether a compare holds in the present state: for every live key of its interval. Without one, a compare of values
 * never holds, and others see a record of zeros. An operand that does not fit the target counts as zero; an unknown
 * target always differs by zero, an unknown result always holds.
 */
export function holds(state: StoreState, compare: Compare): boolean {
  const { index } = state;
  if (compare.rangeEnd.length === 0) {
    const id = index.findLive(compare.key);
    return id < 0 ? holdsForNone(compare) : holdsFor(state, compare, id);
  }
  const walk = index.walk(compare.key, isFromKey(compare.rangeEnd) ? undefined : compare.rangeEnd);
  let any = false;
  for (; walk.leaf !== undefined; walk.next()) {
    if (walk.isDeleted()) continue;
    any = true;
    if (!holdsFor(state, compare, walk.id())) return false;
  }
  return any || holdsForNone(compare);
}

function holdsForNone(compare: Compare): boolean {
  if (compare.target === VALUE) return false;
  return satisfies(compare.result, differenceTo(compare, 0, 0n));
}

function holdsFor(state: StoreState, compare: Compare, id: number): boolean {
  return satisfies(compare.result, difference(state, compare, id));
}

function difference(state: StoreState, compare: Compare, id: number): number {
  const { entries } = state.index;
  switch (compare.target) {
    case VERSION:
      return differenceTo(compare, entries.version(id), 0n);
    case CREATE:
      return differenceTo(compare, entries.createMain(id), 0n);
    case MOD:
      return differenceTo(compare, entries.modMain(id), 0n);
    case VALUE: {
      const record = recordOf(state, entries.modMain(id), entries.modSub(id));
      return compareBytes(decodeKeyValue(record).value, fits(compare) ? compare.value : NO_BYTES);
    }
    case LEASE: {
      if (!entries.isLeased(id)) return differenceTo(compare, 0, 0n);
      const lease = keyValueLease(recordOf(state, entries.modMain(id), entries.modSub(id)));
      return differenceTo(compare, 0, lease);
    }
    default:
      return 0;
  }
}

function differenceTo(compare: Compare, actual: number, actualLease: bigint): number {
  switch (compare.target) {
    case VERSION:
    case CREATE:
    case MOD:
      return actual - (fits(compare) ? compare.number : 0);
    case LEASE: {
      const operand = fits(compare) ? compare.lease : 0n;
      return actualLease < operand ? -1 : actualLease > operand ? 1 : 0;
    }
    default:
      return 0;
  }
}

function fits(compare: Compare): boolean {
  return compare.operand === compare.target + FIRST_OPERAND;
}

function satisfies(result: number, difference: number): boolean {
  switch (result) {
    case EQUAL:
      return difference === 0;
    case NOT_EQUAL:
      return difference !== 0;
    case GREATER:
      return difference > 0;
    case LESS:
      return difference < 0;
    default:
      return true;
  }
}
