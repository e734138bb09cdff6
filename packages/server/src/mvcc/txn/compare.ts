import type { Revision } from "@quorate/storage/seams/backend";
import type { Steps } from "@quorate/storage/slices";
import { type Compare, decodeKeyValue, keyValueLease } from "@quorate/wire/hot";
import { compareBytes, NO_BYTES, successorOf } from "../../keys/bytes.ts";
import { endOf } from "../../keys/key-range.ts";
import type { FoundRevision } from "../index/key-index.ts";
import { createOf, recordOf, Tally, versionOf } from "../range-hits.ts";
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
const found: FoundRevision = { main: 0, sub: 0 };
/** The operand that a target goes with, as field number. */
const FIRST_OPERAND = 4;

/**
 * Whether a compare holds at revision `at`: for every key of its interval that lives there. Without one, a compare of
 * values never holds, and others see a record of zeros. An operand that does not fit the target counts as zero; an unknown
 * target always differs by zero, an unknown result always holds.
 */
export function* holdsSteps(state: StoreState, compare: Compare, at: number): Steps<boolean> {
  const { index } = state;
  if (compare.rangeEnd.length === 0) return holdsForKey(state, compare, at);
  const end = endOf(compare.rangeEnd);
  const tally = new Tally(state);
  let any = false;
  for (let walk = index.walk(compare.key, end); walk.leaf !== undefined; walk.next()) {
    const id = walk.id();
    if (index.findAt(id, at, found)) {
      any = true;
      if (!holdsForFound(state, compare, id)) return false;
    }
    if (!tally.item()) continue;
    const resumeAt = index.entries.borrowKey(id).slice();
    if (!(yield* tally.report())) continue;
    walk = index.walk(successorOf(resumeAt), end);
    if (walk.leaf === undefined) break;
  }
  return any || holdsForNone(compare);
}

/** As `holdsSteps`, of one key. */
export function holdsForKey(state: StoreState, compare: Compare, at: number): boolean {
  const { index } = state;
  const id = index.find(compare.key);
  return id >= 0 && index.findAt(id, at, found) ? holdsForFound(state, compare, id) : holdsForNone(compare);
}

function holdsForNone(compare: Compare): boolean {
  if (compare.target === VALUE) return false;
  return satisfies(compare.result, differenceTo(compare, 0, 0n));
}

/** For the revision in `found`. */
function holdsForFound(state: StoreState, compare: Compare, id: number): boolean {
  return satisfies(compare.result, difference(state, compare, id, found.main, found.sub));
}

function difference(state: StoreState, compare: Compare, id: number, main: Revision, sub: number): number {
  switch (compare.target) {
    case VERSION:
      return differenceTo(compare, versionOf(state, id, main, sub), 0n);
    case CREATE:
      return differenceTo(compare, createOf(state, id, main, sub), 0n);
    case MOD:
      return differenceTo(compare, main, 0n);
    case VALUE: {
      const record = recordOf(state, main, sub);
      return compareBytes(decodeKeyValue(record).value, fits(compare) ? compare.value : NO_BYTES);
    }
    case LEASE: {
      const { entries } = state.index;
      const isLatest = entries.modMain(id) === main && entries.modSub(id) === sub;
      if (isLatest && !entries.isLeased(id)) return differenceTo(compare, 0, 0n);
      return differenceTo(compare, 0, keyValueLease(recordOf(state, main, sub)));
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
