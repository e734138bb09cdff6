/**
 * Searches for an order of one register's operations that agrees with real time and with what was read: the search
 * of Wing and Gong with Lowe's memory of visited states. It knows nothing of revisions, so it checks what the checks
 * by revision take for granted.
 */
import type { Operation } from "./operation.ts";

export type Verdict = "linearizable" | "violated" | "undecided";

/** An end of an operation in the list of all ends, in the order of time. */
interface Entry {
  readonly operation: Operation;
  readonly bits: readonly [number, number];
  /** Of a start: the end, if there is one. Of an end: undefined. */
  end: Entry | undefined;
  readonly isStart: boolean;
  previous: Entry | undefined;
  next: Entry | undefined;
}

interface Choice {
  readonly entry: Entry;
  readonly valueBefore: string | null;
}

const REFUSED = Symbol("refused");

/**
 * `operations` are those of one key that count: answered ones, and unanswered ones whose effect was seen. Those that
 * never ended may take effect at any later time or never.
 */
export function searchOrder(operations: readonly Operation[], maxSteps = 20_000_000): Verdict {
  const head = linkEntries(operations);
  let unansweredLeft = operations.filter((operation) => operation.endMs !== Infinity).length;
  const chosen: Choice[] = [];
  const visited = new Set<string>();
  let value: string | null = null;
  let low = 0;
  let high = 0;
  let entry = head.next;
  for (let step = 0; unansweredLeft > 0; step++) {
    if (step > maxSteps) return "undecided";
    if (entry?.isStart === true) {
      const after = apply(value, entry.operation);
      if (after !== REFUSED) {
        const state = `${low ^ entry.bits[0]}.${high ^ entry.bits[1]}.${after}`;
        if (!visited.has(state)) {
          visited.add(state);
          chosen.push({ entry, valueBefore: value });
          value = after;
          low ^= entry.bits[0];
          high ^= entry.bits[1];
          lift(entry);
          if (entry.end !== undefined) unansweredLeft -= 1;
          entry = head.next;
          continue;
        }
      }
      entry = entry.next;
      continue;
    }
    // An operation ended, or the list did, before anything in front of it could be chosen: the last choice was wrong.
    const last = chosen.pop();
    if (last === undefined) return "violated";
    value = last.valueBefore;
    low ^= last.entry.bits[0];
    high ^= last.entry.bits[1];
    unlift(last.entry);
    if (last.entry.end !== undefined) unansweredLeft += 1;
    entry = last.entry.next;
  }
  return "linearizable";
}

/** The register after the operation, or REFUSED when it cannot have happened in this state. */
function apply(value: string | null, operation: Operation): string | null | typeof REFUSED {
  switch (operation.kind) {
    case "put":
      return operation.value!;
    case "delete":
      return null;
    case "swap": {
      const matches = value === (operation.expected?.value ?? null);
      const happened = operation.outcome === "maybe" || operation.succeeded;
      if (matches !== happened) return REFUSED;
      return happened ? operation.value! : value;
    }
    default:
      return value === (operation.found?.value ?? null) ? value : REFUSED;
  }
}

function linkEntries(operations: readonly Operation[]): Entry {
  const entries: Entry[] = [];
  let seed = 1;
  const bits = (): number => {
    // xorshift32: sets of operations are compared by the exclusive or of their members' bits.
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return seed;
  };
  for (const operation of operations) {
    const pair = [bits(), bits()] as const;
    const start: Entry = {
      operation,
      bits: pair,
      end: undefined,
      isStart: true,
      previous: undefined,
      next: undefined,
    };
    entries.push(start);
    if (operation.endMs === Infinity) continue;
    start.end = {
      operation,
      bits: pair,
      end: undefined,
      isStart: false,
      previous: undefined,
      next: undefined,
    };
    entries.push(start.end);
  }
  const timeOf = ({ isStart, operation }: Entry): number => (isStart ? operation.startMs : operation.endMs);
  // Of two things at the same time the start comes first: they count as concurrent.
  entries.sort((a, b) => timeOf(a) - timeOf(b) || Number(b.isStart) - Number(a.isStart));
  const head: Entry = {
    operation: operations[0]!,
    bits: [0, 0],
    end: undefined,
    isStart: false,
    previous: undefined,
    next: undefined,
  };
  let last = head;
  for (const entry of entries) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return head;
}

function unlink(entry: Entry): void {
  entry.previous!.next = entry.next;
  if (entry.next !== undefined) entry.next.previous = entry.previous;
}

function relink(entry: Entry): void {
  entry.previous!.next = entry;
  if (entry.next !== undefined) entry.next.previous = entry;
}

/** Takes both ends of an operation out of the list. */
function lift(entry: Entry): void {
  unlink(entry);
  if (entry.end !== undefined) unlink(entry.end);
}

function unlift(entry: Entry): void {
  if (entry.end !== undefined) relink(entry.end);
  relink(entry);
}
