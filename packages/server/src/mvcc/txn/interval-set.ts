import { compareBytes } from "../../keys/bytes.ts";

/** Disjoint half-open intervals in ascending order. */
interface Run {
  readonly starts: Uint8Array[];
  readonly ends: Uint8Array[];
}

/**
 * A growing set of half-open intervals of keys that answers whether it covers a key. Kept as runs of falling size, each
 * at most half as long as the one before, so that adding a few intervals at a time stays cheap however many there are:
 * clients choose how many.
 */
export class IntervalSet {
  #runs: Run[] = [];

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Keeps both arrays. An interval that ends before it starts covers nothing. */
  add(start: Uint8Array, end: Uint8Array): void {
    if (compareBytes(start, end) < 0) this.#addRun({ starts: [start], ends: [end] });
  }

  /** As `add` for each of them, for a fraction of what that costs. */
  addMany(intervals: readonly (readonly [start: Uint8Array, end: Uint8Array])[]): void {
    const some = intervals.filter(([start, end]) => compareBytes(start, end) < 0);
    if (some.length === 0) return;
    some.sort((a, b) => compareBytes(a[0], b[0]));
    const run: Run = { starts: [], ends: [] };
    for (const [start, end] of some) append(run, start, end);
    this.#addRun(run);
  }

  addAll(other: IntervalSet): void {
    for (const run of other.#runs) this.#addRun(run);
  }

  covers(key: Uint8Array): boolean {
    for (const { starts, ends } of this.#runs) {
      let low = 0;
      let high = starts.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (compareBytes(starts[middle]!, key) <= 0) low = middle + 1;
        else high = middle;
      }
      if (low > 0 && compareBytes(key, ends[low - 1]!) < 0) return true;
    }
    return false;
  }

  #addRun(added: Run): void {
    let run = added;
    for (;;) {
      const last = this.#runs[this.#runs.length - 1];
      if (last === undefined || last.starts.length > 2 * run.starts.length) break;
      this.#runs.pop();
      run = merged(last, run);
    }
    this.#runs.push(run);
  }
}

function merged(a: Run, b: Run): Run {
  const run: Run = { starts: [], ends: [] };
  let i = 0;
  let j = 0;
  while (i < a.starts.length || j < b.starts.length) {
    const takeA =
      j >= b.starts.length || (i < a.starts.length && compareBytes(a.starts[i]!, b.starts[j]!) <= 0);
    const start = takeA ? a.starts[i]! : b.starts[j]!;
    append(run, start, takeA ? a.ends[i++]! : b.ends[j++]!);
  }
  return run;
}

/** `start` is not before the last start of `run`. */
function append({ starts, ends }: Run, start: Uint8Array, end: Uint8Array): void {
  const last = ends.length - 1;
  if (last < 0 || compareBytes(start, ends[last]!) > 0) {
    starts.push(start);
    ends.push(end);
  } else if (compareBytes(end, ends[last]!) > 0) ends[last] = end;
}
