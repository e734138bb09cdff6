import type { DeleteRangeRequest } from "@quorate/wire/hot";
import { compareBytes, successorOf } from "../../keys/bytes.ts";
import { isFromKey, rangeContains } from "../../keys/key-range.ts";
import { IntervalSet } from "./interval-set.ts";

/**
 * Which keys the operations of an execution have deleted and not written again, up to the one looked at. Needed for puts
 * that keep an old value or lease: the overlap check leaves room for such a put after a "from key" delete, and an entry in
 * the log may not have passed that check at all.
 */
export class Erasures {
  readonly #steps: (DeleteRangeRequest | Uint8Array)[] = [];
  readonly #intervals = new IntervalSet();
  #fromKey: Uint8Array | undefined;

  deleted(request: DeleteRangeRequest): void {
    this.#steps.push(request);
    const { key, rangeEnd } = request;
    if (!isFromKey(rangeEnd)) {
      this.#intervals.add(key, rangeEnd.length === 0 ? successorOf(key) : rangeEnd);
    } else if (this.#fromKey === undefined || compareBytes(key, this.#fromKey) < 0) {
      this.#fromKey = key;
    }
  }

  put(key: Uint8Array): void {
    if (this.#steps.length > 0) this.#steps.push(key);
  }

  erased(key: Uint8Array): boolean {
    const below = this.#fromKey === undefined || compareBytes(key, this.#fromKey) < 0;
    if (below && !this.#intervals.covers(key)) return false;
    // Rare: the checks of the API let no such put through.
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const step = this.#steps[i]!;
      if (step instanceof Uint8Array) {
        if (compareBytes(step, key) === 0) return false;
      } else if (rangeContains(step.key, step.rangeEnd, key)) {
        return true;
      }
    }
    return false;
  }
}
